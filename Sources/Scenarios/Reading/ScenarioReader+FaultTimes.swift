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

    /// The same kind can't be active twice at one place, and a process that is stopped or dead takes no other fault.
    func checkOverlaps(_ faults: [PlacedFault]) -> Bool {
        var sound = true
        for (index, later) in faults.enumerated() {
            for earlier in faults[..<index] where collide(earlier.fault, later.fault) {
                reader.report(
                    later.position,
                    "this fault and the one in line \(earlier.position.line) can't be active together, or one right after the other, at the same place"
                )
                sound = false
                break
            }
        }
        return sound
    }

    private func collide(_ a: Fault, _ b: Fault) -> Bool {
        // Touching faults count: the end of one and the start of the other at the same instant come in any order.
        guard a.location == b.location, a.start <= b.start + b.duration, b.start <= a.start + a.duration else {
            return false
        }
        let overlap = a.start < b.start + b.duration && b.start < a.start + a.duration
        switch (a.kind, b.kind) {
        case (.pause, _), (_, .pause), (.kill, _), (_, .kill), (.down, .down): return true
        case (.latency, .latency), (.error, .error), (.blackhole, .blackhole): return overlap && a.route == b.route
        case (.freeze, .freeze), (.slow, .slow): return overlap
        case (.reset, .reset): return overlap
        default: return false
        }
    }
}
