// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Foundation
internal import Measurement

/// Makes the faults of a script active at their time and ends them, and keeps when that really happened.
actor FaultConductor {
    private let network: RunningNetwork
    private let seed: UInt64
    private var windows: [FaultWindow] = []
    /// In-service faults that are active now: an admin port takes the whole list.
    private var sending: [ServiceName: Task<Void, any Error>] = [:]
    private var inside: [ServiceName: [(id: Int, fault: ServiceFault)]] = [:]

    init(network: RunningNetwork, seed: UInt64) {
        self.network = network
        self.seed = seed
    }

    /// The faults so far, in the order in which they became active.
    var record: [FaultWindow] { windows.sorted { $0.startNanoseconds < $1.startNanoseconds } }

    /// Plays one fault from its start to its end. A fault that is active when the task is cancelled stays so: its end is
    /// the end of the network.
    ///
    /// - Parameter onChange: Called with the faults so far whenever one begins or ends.
    /// - Throws: `ExperimentError` when the fault can't be made active or ended, or `CancellationError`.
    func play(
        _ fault: Fault, number: Int, clock: RunClock, onChange: @Sendable ([FaultWindow]) -> Void
    ) async throws {
        try await clock.sleep(until: fault.start)
        try await activate(fault, number)
        let index = windows.count
        windows.append(
            FaultWindow(
                label: fault.label, on: fault.location.label, startNanoseconds: clock.now, endNanoseconds: nil))
        onChange(windows)
        try await clock.sleep(until: fault.start + fault.duration)
        try await deactivate(fault, number)
        windows[index].endNanoseconds = clock.now
        onChange(windows)
    }

    private func activate(_ fault: Fault, _ number: Int) async throws {
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

    private func deactivate(_ fault: Fault, _ number: Int) async throws {
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

extension Fault {
    /// "post -> comment: latency 800ms ± 100ms".
    package var label: String {
        let what =
            switch kind {
            case .latency(let mean, .zero): "latency \(DurationText.format(mean))"
            case .latency(let mean, let jitter):
                "latency \(DurationText.format(mean)) ± \(DurationText.format(jitter))"
            case .blackhole: "blackhole"
            case .down: "down"
            case .reset: "reset"
            case .error(let status, 1): "error \(status)"
            case .error(let status, let rate): "error \(status) for \((rate * 1000).rounded() / 10) %"
            case .pause: "pause"
            case .kill: "kill"
            }
        return "\(location.label): \(what)"
    }
}

extension Fault.Location {
    /// "post -> comment" or "comment".
    package var label: String {
        switch self {
        case .edge(let from, let to): "\(from) -> \(to)"
        case .service(let name): name
        }
    }
}
