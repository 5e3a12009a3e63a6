// SPDX-License-Identifier: Apache-2.0

import ServiceKit
import UserService

@main
enum Main {
    static func main() async {
        await UserServer.main()
    }
}
