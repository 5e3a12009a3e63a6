// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Stations

/// The faults of virtual stations: their process is told the whole state of every station each time.
actor StationFaults: FaultSite {
    private let stations: RunningStations
    private var active: [(number: Int, fault: Fault)] = []
    private var sending: Task<Void, any Error>?

    init(stations: RunningStations) { self.stations = stations }

    func activate(_ fault: Fault, _ number: Int) async throws {
        active.append((number, fault))
        try await send()
    }

    func deactivate(_ fault: Fault, _ number: Int) async throws {
        active.removeAll { $0.number == number }
        try await send()
    }

    /// Sends the state after whatever is being sent already: the last one to arrive is the newest.
    private func send() async throws {
        let before = sending
        // Owned by this call, which awaits it; later calls wait for it too.
        let task = Task {
            _ = await before?.result
            try await self.stations.set(self.controls())
        }
        sending = task
        try await task.value
    }

    private func controls() throws -> [String: StationControl] {
        var controls: [String: StationControl] = [:]
        for (_, fault) in active {
            guard case .service(let name) = fault.location else { throw Self.impossible(fault) }
            switch fault.kind {
            case .freeze: controls[name, default: .init()].freeze = true
            case .slow(let factor): controls[name, default: .init()].slow = factor
            case .error(let status, let rate):
                controls[name, default: .init()].error = .init(status: status, rate: rate)
            case .latency, .blackhole, .down, .reset, .pause, .kill: throw Self.impossible(fault)
            }
        }
        return controls
    }

    private static func impossible(_ fault: Fault) -> ExperimentError {
        ExperimentError(.script, "the fault '\(fault.label)' can't act at a station")
    }
}
