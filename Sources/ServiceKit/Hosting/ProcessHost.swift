// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Glibc
package import Hummingbird
internal import Logging
internal import NIOCore
package import ServiceLifecycle
internal import UnixSignals

/// Runs a process that is no service of the social network with the manners of one: the line that says where it
/// listens, the admin port, an orderly end. It has no database, no peers and no users.
package struct ProcessHost: Sendable {
    private let name: String
    private let adminPort: Int
    private let port: Int
    private let ports: [String: Int]
    private let service: any Service
    private let adminRoutes: @Sendable (RouterGroup<ServiceContext>) -> Void

    /// - Parameters:
    ///   - name: Without the `-service` of its command.
    ///   - port: Where it listens already, and in `ports` where else, by names that need no escape in JSON.
    ///   - service: Returns from `run()` after a graceful shutdown, once nothing is under way any more.
    ///   - adminRoutes: Adds to the admin port what needs the token.
    package init(
        name: String, adminPort: Int, port: Int, ports: [String: Int], service: any Service,
        adminRoutes: @escaping @Sendable (RouterGroup<ServiceContext>) -> Void
    ) {
        self.name = name
        self.adminPort = adminPort
        self.port = port
        self.ports = ports
        self.service = service
        self.adminRoutes = adminRoutes
    }

    /// Starts what `make` makes and serves until SIGTERM or SIGINT. A ``StartupError`` becomes one line on stderr and
    /// exit code 1.
    package static func main(name: String, _ make: () async throws -> ProcessHost) async throws {
        // A reader of our stdout who is gone must not end us.
        signal(SIGPIPE, SIG_IGN)
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = .critical
            return handler
        }
        do {
            try await make().run()
        } catch let error as StartupError {
            StandardStreams.error("\(name)-service: \(error.message)")
            throw ExitCode(1)
        }
    }

    private func run() async throws {
        let logger = Logger(label: "\(name)-service")
        let readiness = Readiness([])
        let token = ServiceSecret.ofAdminPort(service: name)
        let announcement = ListeningAnnouncement(name: name, further: ports)
        let gate = Gate(tokens: TokenVerifier(keys: KnownKeys(PublishedKeys(keys: []))), secret: .random())
        let admin = Application(
            router: ServiceRouter.make(gate: gate, logger: logger, faults: nil, metrics: nil) { router in
                HealthRoutes(readiness: readiness).add(to: router)
                adminRoutes(router.group().add(middleware: AdminGate(token: token)))
            },
            configuration: .init(address: .hostname("127.0.0.1", port: adminPort)),
            onServerRunning: { channel in announcement.adminListens(at: channel.localAddress?.port ?? 0) },
            logger: logger)
        announcement.serviceListens(at: port)

        // They stop in the reverse order.
        let services: [any Service] = [
            Listener(application: admin, host: "127.0.0.1", port: adminPort, option: "--admin-port"), service,
            ShutdownGuard(readiness: readiness, name: name),
        ]
        var configuration = ServiceGroupConfiguration(
            services: services.map { .init(service: $0) }, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = ShutdownGuard.drainTime
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch {
            // Whatever ends badly while we stop anyway is not worth an alarm.
            guard !readiness.isShuttingDown else { return }
            throw error
        }
    }
}
