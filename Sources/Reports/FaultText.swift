// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// Faults and what came after them, in words.
enum FaultText {
    /// What was done to whom, and when.
    static func line(_ fault: FaultWindow) -> String {
        let start = Format.seconds(fault.startNanoseconds)
        guard let end = fault.endNanoseconds else {
            return "fault \(fault.label), from \(start), still active at the end"
        }
        return "fault \(fault.label), \(start) … \(Format.seconds(end))"
    }

    /// Whether and when the run was back at its baseline, as a sentence; nil when there is nothing to say.
    static func recovery(_ result: RecoveryTime.Result) -> String? {
        switch result {
        case .recovered(0): "back at its baseline in the first second after the fault"
        case .recovered(let time): "back at its baseline \(Format.seconds(time)) after the fault"
        case .never(let time): "NOT back at its baseline within \(Format.seconds(time)) after the fault"
        case .unknown: nil
        }
    }

    /// The same for a table: of one run its time, of several how many recovered and the slowest of them.
    static func recoveries(_ results: [RecoveryTime.Result]) -> String {
        let times = results.compactMap { if case .recovered(let time) = $0 { time } else { nil } }
        if results.count > 1 {
            let slowest = times.max().map { ", slowest " + short($0) } ?? ""
            return "\(times.count) of \(results.count)" + slowest
        }
        switch results.first {
        case .recovered(let time): return short(time)
        case .never(let time): return "not in " + Format.seconds(time)
        case .unknown, nil: return Format.missing
        }
    }

    private static func short(_ time: UInt64) -> String { time == 0 ? "at once" : Format.seconds(time) }
}
