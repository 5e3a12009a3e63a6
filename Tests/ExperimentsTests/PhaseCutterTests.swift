// SPDX-License-Identifier: Apache-2.0

import Measurement
import Testing

@testable import Experiments

@Suite("Phases")
struct PhaseCutterTests {
    private func cut(_ windows: [(UInt64, UInt64?)], warmup: UInt64 = 5, end: UInt64 = 40) -> [String] {
        PhaseCutter.phases(
            faults: windows.map { FaultWindow(label: "", on: "", startNanoseconds: $0.0, endNanoseconds: $0.1) },
            warmup: warmup, end: end
        ).map { "\($0.kind.rawValue) \($0.startNanoseconds)..\($0.endNanoseconds)" }
    }

    @Test("are cut at the measured times of the faults")
    func cuts() {
        #expect(cut([(15, 25)]) == ["baseline 5..15", "fault 15..25", "recovery 25..40"])
        #expect(cut([(15, 20), (18, 30)]) == ["baseline 5..15", "fault 15..30", "recovery 30..40"])
    }

    @Test("without a fault are one")
    func whole() {
        #expect(cut([]) == ["whole 5..40"])
        #expect(cut([(45, 50)]) == ["whole 5..40"], "a fault after the end was not played")
    }

    @Test("that would be empty are left out")
    func empty() {
        #expect(cut([(15, nil)]) == ["baseline 5..15", "fault 15..40"], "still active at the end")
        #expect(cut([(2, 10)]) == ["fault 5..10", "recovery 10..40"], "begun in the warm-up")
        #expect(cut([], warmup: 5, end: 3) == ["whole 3..3"], "stopped in the warm-up")
    }
}
