// SPDX-License-Identifier: Apache-2.0

import CommentService
import ServiceKit

@main
enum Main {
    static func main() async {
        await CommentServer.main()
    }
}
