// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
internal import Glibc
internal import Logging

/// The command of a service: `post-service --data DIR --tls DIR …`.
package struct ServiceCommand<Service: SocialService>: AsyncParsableCommand {
    package static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "\(Service.name)-service", abstract: Service.abstract,
            discussion: """
                Writes one line of JSON to stdout once it listens, and everything else to stderr. Ends with 0 after SIGTERM or \
                SIGINT, with 1 when it cannot start. SEAWALL_ADMIN_TOKEN is the token of the admin port; without it one is made \
                and written to stderr.
                """)
    }

    @OptionGroup package var options: ServiceOptions

    package init() {}

    package func run() async throws {
        // A reader of our stdout who is gone must not end us.
        signal(SIGPIPE, SIG_IGN)
        let level = Logger.Level(rawValue: options.logLevel.rawValue) ?? .warning
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        do {
            try await ServiceHost<Service>(options: options).run()
        } catch let error as StartupError {
            StandardStreams.error("\(Service.name)-service: \(error.message)")
            throw ExitCode(1)
        }
    }
}

extension SocialService {
    /// The whole of a service's executable: reads the command line, serves, and ends the process.
    package static func main() async {
        await ServiceCommand<Self>.main()
    }
}
