// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection

extension ScenarioReader {
    /// Whether a fault lies in the measured part of the load.
    func isInTime(_ fault: Fault, _ section: ScriptSection, load: [Scenario.Load]?) -> Bool {
        guard let load else { return true }
        let end = load.map(\.end).max() ?? .zero
        let measured = Scenario.measuredFrom(load)
        let at = section["at"]?.position ?? section.position
        if fault.start >= end {
            reader.report(
                at,
                "the fault begins after \(DurationText.format(fault.start)), and the load ends after \(DurationText.format(end))"
            )
            return false
        }
        if fault.start < measured {
            reader.report(
                at,
                "the fault begins after \(DurationText.format(fault.start)), within the warm-up, and nothing is measured before "
                    + DurationText.format(measured))
            return false
        }
        if fault.start + fault.duration > end {
            reader.report(
                section["for"]?.position ?? section.position,
                "the fault ends after \(DurationText.format(fault.start + fault.duration)), beyond the end of the load after "
                    + DurationText.format(end))
            return false
        }
        return true
    }

    /// The same kind can't be active twice at one place, and a process that is stopped can't be killed or stopped again.
    func checkOverlaps(_ faults: [PlacedFault]) -> Bool {
        var sound = true
        for (index, later) in faults.enumerated() {
            for earlier in faults[..<index] where collide(earlier.fault, later.fault) {
                reader.report(
                    later.position,
                    "this fault overlaps the one in line \(earlier.position.line), which does the same at the same place"
                )
                sound = false
                break
            }
        }
        return sound
    }

    private func collide(_ a: Fault, _ b: Fault) -> Bool {
        guard a.location == b.location, a.start < b.start + b.duration, b.start < a.start + a.duration else {
            return false
        }
        switch (a.kind, b.kind) {
        case (.latency, .latency), (.error, .error), (.blackhole, .blackhole): return a.route == b.route
        case (.pause, .pause), (.pause, .kill), (.kill, .pause), (.kill, .kill), (.down, .down), (.reset, .reset):
            return true
        default: return false
        }
    }
}
