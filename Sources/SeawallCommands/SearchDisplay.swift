// SPDX-License-Identifier: Apache-2.0

internal import Experiments
internal import FaultInjection
internal import Foundation
internal import LoadGenerator
internal import Measurement
internal import Reports
internal import Scenarios
internal import Synchronization

/// Shows a search while it goes on, on standard error: a line for each repetition, and on a terminal one that lives.
final class SearchDisplay: Sendable {
    private struct State {
        var title = ""
        var planned: UInt64 = 0
        var errors: UInt64 = 0
        var lineIsOpen = false
    }

    private let state = Mutex(State())
    private let preparation: RunDisplay
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let style = Style.standardError
    private let warmup: UInt64

    init(warmup: Duration) {
        preparation = RunDisplay(warmup: warmup, showsVariants: false)
        self.warmup = UInt64(max(0, warmup / .nanoseconds(1)))
    }

    /// What is going to happen, and how long it may take.
    func announce(_ plan: SearchPlan) {
        let most = CapacitySearch(plan.search).mostMeasurements
        let seconds = plan.longestTime.components.seconds
        let time = seconds < 120 ? "\(seconds) s" : "\((seconds + 59) / 60) minutes"
        write("goals: \(plan.goals.map(\.expression).joined(separator: ", "))\n")
        write(
            "searching from \(SearchSummary.rate(plan.search.from)) to \(SearchSummary.rate(plan.search.to)): "
                + "at most \(most) measurements of \(DurationText.format(plan.warmup + plan.level)), at most \(time)\n")
        for note in plan.notes { write("note: \(note)\n") }
    }

    func show(_ event: SearchRun.Event) {
        switch event {
        case .experiment(.second(let second)): if isTerminal { show(second) }
        case .experiment(let event): preparation.show(event)
        case .measuring(let rate, let repetition, _, let planned):
            state.withLock { state in
                closeLine(&state)
                state.title = "\(SearchSummary.rate(rate)) run \(repetition)"
                state.planned = UInt64(max(0, planned / .nanoseconds(1)))
                state.errors = 0
            }
        case .measured(let measurement):
            state.withLock { state in
                closeLine(&state)
                write(Self.line(measurement) + "\n")
            }
        case .settling(let rate):
            state.withLock { state in
                closeLine(&state)
                if isTerminal {
                    write("waiting for the system to come back from \(SearchSummary.rate(rate)) …\u{1B}[K\r")
                    state.lineIsOpen = false
                }
            }
        }
    }

    /// Ends a line that would be replaced, so that other output starts on a fresh one.
    func finish() {
        preparation.finish()
        state.withLock { closeLine(&$0) }
    }

    private func show(_ second: LiveSecond) {
        state.withLock { state in
            guard !state.title.isEmpty else { return }
            let slice = second.tick.slice
            state.errors += slice.ended.reduce(0) { $1.key == .ok ? $0 : $0 + $1.value }
            let line = LiveLine(
                slice, total: state.planned, errorsSoFar: state.errors, variant: state.title,
                phase: slice.startNanoseconds < warmup ? "warm-up" : nil, breakers: [])
            write(line.output(isTerminal: true, style))
            state.lineIsOpen = true
        }
    }

    /// "400/s run 2: missed   p99 < 100ms: 312 ms, errors < 1%: 0.00 %".
    private static func line(_ measurement: SearchMeasurement) -> String {
        let head =
            "\(SearchSummary.rate(measurement.ratePerSecond)) run \(measurement.repetition): "
            + measurement.verdict.rawValue
        let details =
            measurement.verdict == .invalid
            ? measurement.generatorReasons : measurement.results.map { "\($0.expression): \($0.words)" }
        let doubt = measurement.generator == .degraded ? "  (DEGRADED)" : ""
        return head + "   " + details.joined(separator: ", ") + doubt
    }

    private func closeLine(_ state: inout State) {
        if state.lineIsOpen { write(isTerminal ? "\r\u{1B}[K" : "\n") }
        state.lineIsOpen = false
    }

    private func write(_ text: String) {
        // A reader that has gone away must not take the measurement with it.
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}
