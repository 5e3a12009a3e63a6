// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Foundation
internal import Measurement

/// Makes the faults of a script active at their time and ends them, and keeps when that really happened.
actor FaultConductor {
    private let site: any FaultSite
    private var windows: [FaultWindow] = []

    init(site: any FaultSite) { self.site = site }

    /// The faults so far, in the order in which they became active.
    var record: [FaultWindow] { windows.sorted { $0.startNanoseconds < $1.startNanoseconds } }

    /// Plays one fault from its start to its end. A fault that is active when the task is cancelled stays so: its end is
    /// the end of the system.
    ///
    /// - Parameter onChange: Called with the faults so far whenever one begins or ends.
    /// - Throws: `ExperimentError` when the fault can't be made active or ended, or `CancellationError`.
    func play(
        _ fault: Fault, number: Int, clock: RunClock, onChange: @Sendable ([FaultWindow]) -> Void
    ) async throws {
        try await clock.sleep(until: fault.start)
        try await site.activate(fault, number)
        let index = windows.count
        windows.append(
            FaultWindow(
                label: fault.label, on: fault.location.label, startNanoseconds: clock.now, endNanoseconds: nil))
        onChange(windows)
        try await clock.sleep(until: fault.start + fault.duration)
        try await site.deactivate(fault, number)
        windows[index].endNanoseconds = clock.now
        onChange(windows)
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
            case .freeze: "freeze"
            case .slow(let factor): "slow \((factor * 100).rounded() / 100)×"
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
