// SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import Foundation
internal import Resilience

/// The social network as a system under test: three services and, where faults need one, a fault proxy, each a process.
///
/// Whatever happens to this process, none of them outlives it. Always end with `stop()`.
package actor RunningNetwork {
    /// How the network is started.
    package struct Configuration: Sendable {
        package var executables: Executables
        /// Folder with one folder of data for each service.
        package var dataDirectory: String
        /// Folder of the development CA.
        package var tlsDirectory: String
        package var logDirectory: String
        package var adminToken: String
        /// Edges that get a proxied listener. The caller `load` is the load generator.
        package var proxiedEdges: Set<Edge> = []
        /// First of three ports for the services and three for their admin ports; 0 picks free ones.
        package var basePort = 0
        package var passwordHashing = "bench"
        /// Of the fault proxy's random choices.
        package var seed: UInt64 = 1
        package var tokenLifetime = "24h"
        package var startLimit: Duration = .seconds(30)

        package init(
            executables: Executables, dataDirectory: String, tlsDirectory: String, logDirectory: String,
            adminToken: String
        ) {
            self.executables = executables
            self.dataDirectory = dataDirectory
            self.tlsDirectory = tlsDirectory
            self.logDirectory = logDirectory
            self.adminToken = adminToken
        }
    }

    package nonisolated let configuration: Configuration
    /// Set when a process ended that nobody asked to end.
    package nonisolated let failure = OneShot<ExperimentError>()
    private let client: HTTPClient
    private var services: [ServiceName: ServiceProcess] = [:]
    private var proxy: ServiceProcess?
    private var proxiedPorts: [Edge: Int] = [:]
    /// Process ids that a fault or `stop` is about to end.
    private var expectedToEnd: Set<Int32> = []
    private var stopped = false
    /// What every service was told about its policies so far, in order.
    private var appliedEdits: [PolicyEdits] = []

    private init(_ configuration: Configuration) {
        self.configuration = configuration
        client = HTTPClient.forConversations()
    }

    /// Starts everything, connects it and waits until every service is ready.
    ///
    /// - Throws: `ExperimentError`, or `CancellationError` when the task is cancelled; nothing is left running then.
    package static func start(_ configuration: Configuration) async throws -> RunningNetwork {
        let network = RunningNetwork(configuration)
        do {
            try await network.launch()
            try await network.connect()
            try await network.waitUntilReady()
            return network
        } catch {
            await network.stop()
            // When a process has died, that is the cause, and whatever failed after it is not.
            throw network.failure.current ?? error
        }
    }

    /// PEM file of the CA that signed every certificate of the network.
    package nonisolated var rootsFile: String { "\(configuration.tlsDirectory)/ca.pem" }

    /// The port at which a caller reaches a service: the proxied one on edges that have it.
    package func port(of service: ServiceName, from caller: String = "load") -> Int? {
        proxiedPorts[Edge(from: caller, to: service.rawValue)] ?? services[service]?.port
    }

    /// The admin port of a service.
    package func admin(of service: ServiceName) throws(ExperimentError) -> AdminClient {
        guard let port = services[service]?.adminPort else {
            throw ExperimentError(.system, "\(service.executable) has no admin port")
        }
        return AdminClient(service: service.rawValue, port: port, token: configuration.adminToken, client: client)
    }

    /// Process ids by service, for state files.
    package var processIDs: [ServiceName: Int32] { services.mapValues { $0.process.processID } }

    /// The control of the fault proxy, if there is one.
    var proxyControl: FaultProxyClient? { proxy.map { FaultProxyClient(port: $0.port, client: client) } }

    /// Name of the proxied listener of an edge.
    nonisolated func proxyName(of edge: Edge) -> String { "\(edge.from)-\(edge.to)" }

    /// Sends a signal to the process of a service.
    func send(signal: Int32, to service: ServiceName) {
        services[service]?.process.send(signal: signal)
    }

    /// Kills a service (SIGKILL) and waits until it is gone.
    func kill(_ service: ServiceName) async {
        guard let process = services[service]?.process else { return }
        expectedToEnd.insert(process.processID)
        process.send(signal: SIGKILL)
        _ = await process.exit.value()
    }

    /// Keeps edits that every service has taken, for those that are started again.
    func remember(_ edits: PolicyEdits) {
        appliedEdits.append(edits)
    }

    /// Starts a service again that was killed, on its data, its ports and its policies, and waits until it is ready.
    func revive(_ service: ServiceName) async throws {
        guard !stopped, let old = services[service], old.process.exit.current != nil else { return }
        services[service] = try await startService(service, port: old.port, adminPort: old.adminPort ?? 0)
        let admin = try admin(of: service)
        try await admin.write(.put, "/directory", directory(for: service))
        for edits in appliedEdits { try await admin.change(edits) }
        try await waitUntilReady(service, until: .now + configuration.startLimit)
    }

    /// Stops every process, those that are paused included, and waits until they are reaped.
    ///
    /// Safe to call more than once, and from a cancelled task.
    package func stop() async {
        let isFirst = !stopped
        stopped = true
        let processes = services.values.map(\.process) + [proxy?.process].compactMap(\.self)
        expectedToEnd.formUnion(processes.map(\.processID))
        await withTaskGroup { group in
            for process in processes { group.addTask { await process.stop(grace: .seconds(8)) } }
        }
        // Requests that are still waiting for a process which is gone now fail.
        if isFirst { try? await client.shutdown() }
    }
}

// MARK: - Start

extension RunningNetwork {
    private func launch() async throws {
        try makeFolder(configuration.tlsDirectory, mode: 0o700)
        try makeFolder(configuration.logDirectory)
        // Every missing program is found before the first one runs.
        for service in ServiceName.allCases { _ = try configuration.executables.path(of: service.executable) }

        try await withThrowingTaskGroup { group in
            for (number, service) in ServiceName.allCases.enumerated() {
                try makeFolder(dataDirectory(of: service), mode: 0o700)
                let base = configuration.basePort
                group.addTask {
                    let started = try await self.startService(
                        service, port: base == 0 ? 0 : base + number, adminPort: base == 0 ? 0 : base + 1000 + number)
                    await self.adopt(started, as: service)
                }
            }
            if !configuration.proxiedEdges.isEmpty { group.addTask { try await self.startProxy() } }
            try await group.waitForAll()
        }
        for edge in configuration.proxiedEdges.sorted(by: { $0.description < $1.description }) {
            guard let proxyControl, let callee = ServiceName(rawValue: edge.to), let service = services[callee] else {
                throw ExperimentError(.script, "the edge \(edge) does not exist in the social network")
            }
            proxiedPorts[edge] = try await proxyControl.add(
                name: proxyName(of: edge), upstream: "127.0.0.1:\(service.port)")
        }
    }

    private func adopt(_ started: ServiceProcess, as service: ServiceName) async {
        services[service] = started
        // A start that failed elsewhere has already told everyone to stop.
        if stopped { await started.process.stop(grace: .zero) }
    }

    private func startService(_ service: ServiceName, port: Int, adminPort: Int) async throws -> ServiceProcess {
        let started = try await ServiceProcess.start(
            name: service.executable, path: configuration.executables.path(of: service.executable),
            arguments: [
                "--data", dataDirectory(of: service), "--tls", configuration.tlsDirectory, "--port", "\(port)",
                "--admin-port", "\(adminPort)", "--kdf", configuration.passwordHashing, "--token-lifetime",
                configuration.tokenLifetime,
            ], environment: ["SEAWALL_ADMIN_TOKEN": configuration.adminToken],
            logFile: "\(configuration.logDirectory)/\(service.executable).log", limit: configuration.startLimit)
        watch(started.process)
        return started
    }

    private func startProxy() async throws {
        let started = try await ServiceProcess.start(
            name: "fault-proxy", path: configuration.executables.path(of: "seawall"),
            arguments: ["fault-proxy", "--port", "0", "--seed", "\(configuration.seed)"], environment: [:],
            logFile: "\(configuration.logDirectory)/fault-proxy.log", limit: configuration.startLimit)
        watch(started.process)
        proxy = started
        if stopped { await started.process.stop(grace: .zero) }
    }

    /// Notices when a process ends by itself.
    private func watch(_ process: ChildProcess) {
        // Ends with the process, which the network owns.
        Task {
            guard let exit = await process.exit.value(), !expectedToEnd.contains(process.processID) else { return }
            failure.set(
                ExperimentError(
                    .system, "\(process.name) \(exit) while it was needed", advice: "its log is \(process.logFile)",
                    evidence: process.lastLogLines()))
        }
    }

    private func connect() async throws {
        for service in ServiceName.allCases {
            try await admin(of: service).write(.put, "/directory", directory(for: service))
        }
    }

    private func directory(for caller: ServiceName) -> [String: [String]] {
        var addresses: [String: [String]] = [:]
        for callee in ServiceName.allCases where callee != caller {
            if let port = port(of: callee, from: caller.rawValue) {
                addresses[callee.rawValue] = ["https://127.0.0.1:\(port)"]
            }
        }
        return addresses
    }

    private func waitUntilReady() async throws {
        let deadline = ContinuousClock.now + configuration.startLimit
        for service in ServiceName.allCases { try await waitUntilReady(service, until: deadline) }
    }

    private func waitUntilReady(_ service: ServiceName, until deadline: ContinuousClock.Instant) async throws {
        let admin = try admin(of: service)
        while let reasons = try await admin.unreadiness() {
            if let dead = failure.current { throw dead }
            guard ContinuousClock.now < deadline else {
                throw ExperimentError(
                    .system,
                    "\(service.executable) was not ready within \(configuration.startLimit): \(reasons.joined(separator: "; "))",
                    advice: "its log is \(configuration.logDirectory)/\(service.executable).log",
                    evidence: services[service]?.process.lastLogLines() ?? [])
            }
            try await Task.sleep(for: .milliseconds(25))
        }
    }

    private func dataDirectory(of service: ServiceName) -> String {
        "\(configuration.dataDirectory)/\(service.rawValue)"
    }

    private func makeFolder(_ path: String, mode: UInt32 = 0o755) throws(ExperimentError) {
        do { try Folder.make(path, mode: mode) } catch {
            throw ExperimentError(
                .results, "cannot make the folder \(path): \(error.reason)", advice: "choose another folder")
        }
    }
}
