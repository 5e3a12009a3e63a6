// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Foundation

/// The faults of a social network: on its edges, in its services and of its processes.
actor NetworkFaults: FaultSite {
    private let network: RunningNetwork
    private let seed: UInt64
    /// In-service faults that are active now: an admin port takes the whole list.
    private var inside: [ServiceName: [(id: Int, fault: ServiceFault)]] = [:]
    private var sending: [ServiceName: Task<Void, any Error>] = [:]

    init(network: RunningNetwork, seed: UInt64) {
        self.network = network
        self.seed = seed
    }

    func activate(_ fault: Fault, _ number: Int) async throws {
        switch fault.location {
        case .edge(let from, let to):
            try await proxy(for: fault).activate(
                fault.kind, proxy: network.proxyName(of: Edge(from: from, to: to)), id: "fault-\(number)")
        case .service(let name):
            let service = try service(name)
            switch fault.kind {
            case .pause: await network.send(signal: SIGSTOP, to: service)
            case .kill: await network.kill(service)
            default:
                guard let inner = fault.serviceFault else {
                    throw ExperimentError(.script, "the fault '\(fault.label)' can't act inside a service")
                }
                inside[service, default: []].append((number, inner))
                try await sendFaults(of: service)
            }
        }
    }

    func deactivate(_ fault: Fault, _ number: Int) async throws {
        switch fault.location {
        case .edge(let from, let to):
            try await proxy(for: fault).deactivate(
                fault.kind, proxy: network.proxyName(of: Edge(from: from, to: to)), id: "fault-\(number)")
        case .service(let name):
            let service = try service(name)
            switch fault.kind {
            case .pause: await network.send(signal: SIGCONT, to: service)
            case .kill:
                try await network.revive(service)
                // The new process knows nothing of the faults that are active in it.
                if inside[service]?.isEmpty == false { try await sendFaults(of: service) }
            default:
                inside[service]?.removeAll { $0.id == number }
                try await sendFaults(of: service)
            }
        }
    }

    /// Sends the whole list after whatever is being sent to the service already: the last list to arrive is the newest.
    private func sendFaults(of service: ServiceName) async throws {
        let before = sending[service]
        // Owned by this call, which awaits it; later calls wait for it too.
        let task = Task {
            _ = await before?.result
            try await self.putFaults(of: service)
        }
        sending[service] = task
        try await task.value
    }

    private func putFaults(of service: ServiceName) async throws {
        let faults = inside[service, default: []].map(\.fault)
        let admin = try await network.admin(of: service)
        do {
            try await admin.write(.put, "/faults?seed=\(seed)", faults)
        } catch let refusal as AdminRefusal {
            throw ExperimentError(
                .system, "\(service.executable) refused a fault: \(refusal.reasons.joined(separator: "; "))")
        }
    }

    private func proxy(for fault: Fault) async throws -> FaultProxyClient {
        guard let proxy = await network.proxyControl else {
            throw ExperimentError(.script, "there is no proxy on \(fault.location.label)")
        }
        return proxy
    }

    private func service(_ name: String) throws(ExperimentError) -> ServiceName {
        guard let service = ServiceName(rawValue: name) else {
            throw ExperimentError(.script, "a fault names the service '\(name)', which does not exist")
        }
        return service
    }
}
