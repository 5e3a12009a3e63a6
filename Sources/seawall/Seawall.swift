// SPDX-License-Identifier: Apache-2.0

import Foundation
import SeawallCommands

@main
struct Seawall {
    static func main() async {
        exit(await SeawallCommand.start(Array(CommandLine.arguments.dropFirst())))
    }
}
