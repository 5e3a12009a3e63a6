// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
internal import Foundation

/// The `seawall` command: everything the executable does.
package struct SeawallCommand: AsyncParsableCommand {
    package static let version = "0.1.0"

    package static let configuration = CommandConfiguration(
        commandName: "seawall",
        abstract: "Load-tests services, breaks them while it does, and shows what resilience policies change.",
        discussion: """
            Exit codes: 0 passed, 1 a threshold was missed, 2 the script is wrong, 3 the system could not be reached or \
            started, 4 the measurement is invalid, 64 the command line is wrong, 130 stopped by Ctrl-C, \
            143 by SIGTERM.
            """,
        version: version,
        subcommands: [
            Run.self, Search.self, Validate.self, Explain.self, Report.self, Up.self, Policies.self, Bench.self,
            FaultProxy.self,
        ])

    package init() {}

    /// Parses the arguments, runs the command and tells what went wrong on standard error.
    ///
    /// - Returns: The exit code of the process; only what ArgumentParser itself answers (help, usage) exits here.
    package static func start(_ arguments: [String]) async -> Int32 {
        // A peer that closes early must end as an outcome of its request, not end the process.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot(arguments)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            return 0
        } catch let failure as CommandFailure {
            if !failure.message.isEmpty { Console.error(failure.message) }
            return failure.code.rawValue
        } catch {
            guard exitCode(for: error) == .failure else { exit(withError: error) }
            // Not one of ArgumentParser's own: 1 would say that a threshold was missed.
            Console.error("\(error)")
            return CommandFailure.Code.system.rawValue
        }
    }
}
