// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
internal import Scenarios

/// `seawall explain`: says what a script would do, starting nothing.
package struct Explain: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say what a scenario script would do, without starting anything.",
        discussion: """
            Arrivals and requests, how many of them there are at once, the phases, what breaks when, and which policies each \
            variant has. Numbers are expectations: that every journey runs to its end, with all that its conditions let in.

            Exit codes: 0 explained, 2 the script is wrong.
            """)

    @Argument(help: "Scenario script.", completion: .file(extensions: ["yaml", "yml"]))
    var scenario: String

    package init() {}

    package func run() throws {
        print(try Explanation(ScriptFile.load(scenario, seed: nil)).text)
    }
}
