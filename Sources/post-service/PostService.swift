// SPDX-License-Identifier: Apache-2.0

import PostService
import ServiceKit

@main
enum Main {
    static func main() async {
        await PostServer.main()
    }
}
