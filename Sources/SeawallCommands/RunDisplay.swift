// SPDX-License-Identifier: Apache-2.0

internal import Experiments
internal import FaultInjection
internal import Foundation
internal import LoadGenerator
internal import Measurement
internal import Reports
internal import Synchronization

/// Shows an experiment while it goes on, on standard error: what begins, the progress of seeding, one live line a second.
final class RunDisplay: Sendable {
    private struct State {
        var planned: UInt64 = 0
        var warmup: UInt64 = 0
        var errors: UInt64 = 0
        var sawFault = false
        /// Whether the terminal's last line is one that the next may replace.
        var lineIsOpen = false
        var shownProgress = -1
        /// Variants have the same load, so that one says what the next would say again.
        var warnings: Set<String> = []
    }

    private let state = Mutex(State())
    private let isTerminal: Bool
    private let style: Style
    private let warmup: UInt64
    private let showsVariants: Bool

    /// - Parameters:
    ///   - warmup: How long requests are not measured at the start of each run.
    ///   - showsVariants: Whether the live line names the variant.
    init(warmup: Duration, showsVariants: Bool) {
        isTerminal = isatty(STDERR_FILENO) == 1
        style = .standardError
        self.warmup = UInt64(max(0, warmup / .nanoseconds(1)))
        self.showsVariants = showsVariants
    }

    func show(_ event: Experiment.Event) {
        state.withLock { state in
            switch event {
            case .began(let what):
                closeLine(&state)
                write("\(what) …\n")
            case .seeding(let progress): show(progress, &state)
            case .playing(let variant, let number, let count, let planned):
                closeLine(&state)
                state.planned = UInt64(max(0, planned / .nanoseconds(1)))
                state.errors = 0
                state.sawFault = false
                let which = count == 1 ? "" : "variant \(variant) (\(number) of \(count)): "
                write("\(which)playing \(DurationText.format(planned)) of load\n")
            case .warning(let warning):
                guard state.warnings.insert(warning).inserted else { return }
                closeLine(&state)
                write("warning: \(warning)\n")
            case .second(let second): show(second, &state)
            case .played: closeLine(&state)
            }
        }
    }

    /// Ends a line that would be replaced, so that other output starts on a fresh one.
    func finish() { state.withLock { closeLine(&$0) } }

    private func show(_ second: LiveSecond, _ state: inout State) {
        let slice = second.tick.slice
        state.errors += slice.ended.reduce(0) { $1.key == .ok ? $0 : $0 + $1.value }
        state.sawFault = state.sawFault || !second.faults.isEmpty
        // One word: the width is for the breakers, and what the fault is stands in the script and in the report.
        let phase =
            !second.faults.isEmpty
            ? "fault" : slice.startNanoseconds < warmup ? "warm-up" : state.sawFault ? "recovery" : nil
        let line = LiveLine(
            slice, total: state.planned, errorsSoFar: state.errors, variant: showsVariants ? second.variant : nil,
            phase: phase, breakers: second.breakers)
        write(line.output(isTerminal: isTerminal, style))
        state.lineIsOpen = isTerminal
    }

    private func show(_ progress: PopulationSeeder.Progress, _ state: inout State) {
        // A terminal gets a bar that moves by the percent, a file one line for each quarter.
        let percent = progress.total == 0 ? 100 : progress.done * 100 / progress.total
        let step = isTerminal ? percent : percent / 25 * 25
        guard step > state.shownProgress || progress.done == progress.total else { return }
        state.shownProgress = step
        if isTerminal {
            let filled = percent * 24 / 100
            let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 24 - filled)
            write("\rseeding \(bar) \(percent) %  \(progress.stage)\u{1B}[K")
            state.lineIsOpen = true
        } else {
            write("seeding: \(step) % (\(progress.stage))\n")
        }
        if progress.done == progress.total { closeLine(&state) }
    }

    private func closeLine(_ state: inout State) {
        if state.lineIsOpen { write("\n") }
        state.lineIsOpen = false
    }

    private func write(_ text: String) {
        // A reader that has gone away must not take the measurement with it.
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}
