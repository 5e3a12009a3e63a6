// SPDX-License-Identifier: Apache-2.0

import StationService

@main
enum Main {
    static func main() async {
        await StationProcess.main()
    }
}
