// SPDX-License-Identifier: Apache-2.0

internal import CoreMetrics
internal import Crypto
internal import Hummingbird
internal import HummingbirdHTTP2
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Resilience
internal import ServiceLifecycle
internal import UnixSignals

/// Runs a service as a process: TLS, its HTTPS and admin servers, what it does in the background, and an orderly end.
package struct ServiceHost<Social: SocialService>: Sendable {
    private let options: ServiceOptions

    package init(options: ServiceOptions) {
        self.options = options
    }

    /// Serves until SIGTERM or SIGINT.
    ///
    /// - Throws: ``StartupError`` when it can't start.
    package func run() async throws {
        var logger = Logger(label: "\(Social.name)-service")
        logger.logLevel = Logger.Level(rawValue: options.logLevel.rawValue) ?? .warning
        let metrics = PrometheusRegistry()
        MetricsSystem.bootstrap(metrics)

        try PrivateFile.makeDirectory(options.data, purpose: "data directory", option: "--data")
        let authority = try DevelopmentCA(directory: options.tls)
        let directory = ServiceDirectory(
            Dictionary(grouping: options.peers, by: \.name).mapValues { $0.map(\.address) })
        let transport = HTTPTransport(tls: try authority.clientConfiguration())
        do {
            try await serve(
                authority: authority, directory: directory, transport: transport, metrics: metrics, logger: logger)
        } catch {
            // An HTTP client may not be left to itself, also when the start ended early.
            await transport.shutdown()
            throw error
        }
    }

    private func serve(
        authority: DevelopmentCA, directory: ServiceDirectory, transport: HTTPTransport, metrics: PrometheusRegistry,
        logger: Logger
    ) async throws {
        let client = ResilientClient(
            caller: Social.name, directory: directory, transport: transport, secret: authority.secret)
        // They exist from the start, so that whoever looks sees them before the first call.
        let pipelines = Set(Social.peers).sorted().map(client.edge) + [Social.name]
        for name in pipelines { _ = client.registry.pipeline(name) }
        if let file = options.policies {
            try PolicyChanges.apply(file: file, to: client.registry, pipelines: pipelines, server: Social.name)
        }
        let fetchedKeys = FetchedKeys {
            try await client.get("/.well-known/jwks.json", from: "user", as: .none, PublishedKeys.self)
        }

        let runtime = ServiceRuntime(
            name: Social.name, dataDirectory: options.data, client: client, tokens: TokenVerifier(keys: fetchedKeys),
            secret: authority.secret,
            settings: ServiceSettings(passwordCost: options.kdf.cost, tokenLifetime: options.tokenLifetime.value),
            logger: logger)
        let service = try await Social(runtime)
        let usesFetchedKeys = service.tokens == nil

        var conditions: [@Sendable () -> String?] = Social.peers.map { peer in
            { directory.knows(peer) ? nil : "no instance of the \(peer) service is known" }
        }
        if usesFetchedKeys {
            conditions.append { fetchedKeys.hasKeys ? nil : "the keys for access tokens have not been fetched" }
        }
        let readiness = Readiness(conditions)
        let faults = InServiceFaults(metrics: metrics)
        let announcement = ListeningAnnouncement(name: Social.name)

        // The framework calls errors what is none, like a connection that the end of the service cuts. What matters is logged by
        // the middleware or thrown.
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .critical)
        let server = Application(
            router: ServiceRouter.make(
                gate: Gate(tokens: service.tokens ?? runtime.tokens, secret: authority.secret), logger: logger,
                pipeline: ServerPipeline(client.registry.pipeline(Social.name)), faults: faults, metrics: metrics,
                routes: service.addRoutes),
            server: try .http2Upgrade(
                tlsConfiguration: try leaf(of: authority).serverConfiguration(),
                configuration: .init(
                    idleTimeout: .seconds(60), gracefulCloseTimeout: .seconds(1),
                    streamConfiguration: .init(additionalChannelHandlers: [BoundedClose()], idleTimeout: .seconds(120)))
            ),
            configuration: .init(address: .hostname(options.host, port: options.port), backlog: 1024),
            onServerRunning: { channel in announcement.serviceListens(at: channel.localAddress?.port ?? 0) },
            logger: quiet)
        let admin = Application(
            router: ServiceRouter.make(
                gate: Gate(tokens: runtime.tokens, secret: authority.secret), logger: logger,
                faults: nil, metrics: nil
            ) {
                AdminRoutes(
                    state: AdminState(
                        token: .ofAdminPort(service: Social.name), readiness: readiness, metrics: metrics,
                        directory: directory,
                        faults: faults,
                        registry: client.registry, pipelines: pipelines, server: Social.name)
                ).add(to: $0)
            },
            configuration: .init(address: .hostname("127.0.0.1", port: options.adminPort)),
            onServerRunning: { channel in announcement.adminListens(at: channel.localAddress?.port ?? 0) },
            logger: quiet)

        // They stop in the reverse order: nobody loses what it still needs.
        var services: [any Service] = [ClientShutdown(transport: transport)]
        services += service.backgroundServices
        if usesFetchedKeys { services.append(KeyPrefetch(keys: fetchedKeys, directory: directory)) }
        services.append(
            Listener(application: admin, host: "127.0.0.1", port: options.adminPort, option: "--admin-port"))
        services.append(Listener(application: server, host: options.host, port: options.port, option: "--port"))
        services.append(ShutdownGuard(readiness: readiness, name: Social.name))
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

    private func leaf(of authority: DevelopmentCA) throws -> LeafCertificate {
        do {
            return try authority.makeLeaf(service: Social.name, hosts: [options.host])
        } catch {
            throw StartupError(
                "cannot make a certificate for '\(options.host)': \(error); choose another address with --host")
        }
    }
}
