// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The procedure that looks for the highest rate at which a system meets its goals: bracketing by doubling, then bisection.
///
/// A pure state machine: ``next`` says what to measure, ``record(_:at:)`` takes what came out. A level is measured until the
/// majority of its repetitions is decided; the two levels that end up as the answer are measured in full. A system that is
/// not monotonic gives the lowest rate that failed as its limit, and the search looks once above it for rates that pass again.
///
/// It ends after at most ``mostMeasurements``, whatever comes out.
package struct CapacitySearch: Sendable, Equatable {
    package struct Options: Sendable, Equatable {
        /// The lowest rate to try, a second.
        package var from: Double
        /// The highest rate to try, a second.
        package var to: Double
        /// How far the failing rate may lie above the passing one, as a share of it.
        package var precision: Double
        /// Repetitions of a level.
        package var repeats: Int

        package init(from: Double, to: Double, precision: Double = 0.05, repeats: Int = 3) {
            self.from = from
            self.to = to
            self.precision = precision
            self.repeats = repeats
        }
    }

    /// What came out of one measurement.
    package enum Outcome: Sendable, Equatable {
        case met, missed
        /// The generator could not keep up: nothing is known about the system.
        case invalid(String)
    }

    package enum Step: Sendable, Equatable {
        case measure(rate: Double)
        case done
    }

    /// Why the search is over.
    package enum End: Sendable, Equatable {
        /// A passing and a failing rate within the precision.
        case bracketed
        /// Even the highest rate met the goals.
        case aboveRange
        /// Even the lowest rate missed them.
        case belowRange
        /// The generator could not keep up at this rate.
        case invalid(rate: Double, reason: String)
    }

    package struct Level: Sendable, Equatable {
        package var rate: Double
        package var met = 0
        package var missed = 0

        package var measured: Int { met + missed }

        /// Whether most of `repeats` meet the goals; nil while that is open. A tie does not.
        package func verdict(of repeats: Int) -> Bool? {
            if 2 * met > repeats { return true }
            return 2 * missed >= repeats ? false : nil
        }
    }

    package let options: Options
    /// In ascending order of rates.
    package private(set) var levels: [Level] = []
    private var spoiled: (rate: Double, reason: String)?
    private var spoilsLeft = Self.spoilsAllowed

    /// Measurements that may turn out invalid before the search gives up; each is repeated. One at the same rate again ends it.
    private static let spoilsAllowed = 2
    /// How far above the failing rate the search looks for rates that pass again.
    private static let lookAbove = 1.2

    /// `options` must be possible: `0 < from <= to`, a precision in 0.001…1, at least one repetition.
    package init(_ options: Options) {
        precondition(options.from > 0 && options.from <= options.to && options.repeats > 0)
        precondition((0.001...1).contains(options.precision))
        self.options = options
    }

    package static func == (a: Self, b: Self) -> Bool {
        a.options == b.options && a.levels == b.levels && a.end == b.end && a.spoilsLeft == b.spoilsLeft
    }

    // MARK: - Taking in

    package mutating func record(_ outcome: Outcome, at rate: Double) {
        if case .invalid(let reason) = outcome {
            let again = spoiled?.rate == rate || spoilsLeft == 0
            spoilsLeft = again ? -1 : spoilsLeft - 1
            spoiled = (rate, reason)
            return
        }
        if spoilsLeft >= 0 { spoiled = nil }
        let position = levels.firstIndex { $0.rate >= rate } ?? levels.count
        if position == levels.count || levels[position].rate != rate { levels.insert(Level(rate: rate), at: position) }
        if outcome == .met { levels[position].met += 1 } else { levels[position].missed += 1 }
    }

    // MARK: - What to do

    package var next: Step {
        if spoilsLeft < 0 { return .done }
        if let spoiled { return .measure(rate: spoiled.rate) }
        if let open = levels.first(where: { $0.verdict(of: options.repeats) == nil }) {
            return .measure(rate: open.rate)
        }
        guard let failing else {
            guard let highest = levels.last else { return .measure(rate: options.from) }
            if highest.rate < options.to { return .measure(rate: min(options.to, highest.rate * 2)) }
            return confirmation([highest]) ?? .done
        }
        guard let passing else { return confirmation([failing]) ?? .done }
        if let middle = middle(passing.rate, failing.rate) { return .measure(rate: middle) }
        let above = min(options.to, rounded(failing.rate * 1.5))
        if above >= failing.rate * Self.lookAbove, levels.last.map({ $0.rate < failing.rate * Self.lookAbove }) == true
        {
            return .measure(rate: above)
        }
        return confirmation([passing, failing]) ?? .done
    }

    /// The lowest level that most repetitions missed.
    package var failing: Level? { levels.first { $0.verdict(of: options.repeats) == false } }

    /// The highest level below it that most repetitions met.
    package var passing: Level? {
        levels.last { $0.verdict(of: options.repeats) == true && $0.rate < failing?.rate ?? .infinity }
    }

    /// A level that is part of the answer and has not been measured as often as asked for: the one measured least.
    private func confirmation(_ levels: [Level]) -> Step? {
        let open = levels.filter { $0.measured < options.repeats }
        return open.min { $0.measured < $1.measured }.map { .measure(rate: $0.rate) }
    }

    /// A rate between two, at equal ratios to both; nil when they are close enough.
    private func middle(_ low: Double, _ high: Double) -> Double? {
        guard high > low * (1 + options.precision) else { return nil }
        let middle = rounded((low * high).squareRoot())
        return low < middle && middle < high ? middle : nil
    }

    /// Three digits, or four for a precision that needs them.
    private func rounded(_ rate: Double) -> Double {
        let digits = options.precision >= 0.02 ? 3.0 : 4.0
        let unit = pow(10, (log10(rate)).rounded(.down) + 1 - digits)
        return unit >= 1 ? (rate / unit).rounded() * unit : (rate / unit).rounded() / (1 / unit)
    }

    // MARK: - What came out

    /// Nil while the search goes on.
    package var end: End? {
        guard next == .done else { return nil }
        if spoilsLeft < 0, let spoiled { return .invalid(rate: spoiled.rate, reason: spoiled.reason) }
        if failing == nil { return .aboveRange }
        return passing == nil ? .belowRange : .bracketed
    }

    /// Pairs of rates of which the higher one met the goals at least once although the lower one missed them at least once: for
    /// each lower one the highest.
    package var inversions: [(missedAt: Double, metAt: Double)] {
        levels.filter { $0.missed > 0 }.compactMap { lower in
            levels.last { $0.rate > lower.rate && $0.met > 0 }.map { (lower.rate, $0.rate) }
        }
    }

    /// Levels of which some repetitions met the goals and some missed them.
    package var mixed: [Level] { levels.filter { $0.met > 0 && $0.missed > 0 } }

    /// The most measurements that a search with these options can take.
    package var mostMeasurements: Int {
        let doublings = Int((options.to / options.from).logarithm(2).rounded(.up)) + 1
        let halvings = Int((2.0.logarithm(1 + options.precision)).logarithm(2).rounded(.up))
        // One more for the rounding of rates, one for the look above.
        return (doublings + max(0, halvings) + 2) * options.repeats + Self.spoilsAllowed + 1
    }
}

extension Double {
    fileprivate func logarithm(_ base: Double) -> Double { Foundation.log(self) / Foundation.log(base) }
}
