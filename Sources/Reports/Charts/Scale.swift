// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A mapping from values to places on a chart, linear or logarithmic, with ticks at round values.
struct Scale {
    let domain: ClosedRange<Double>
    let isLogarithmic: Bool
    /// Where the ends of the domain lie; `start` may be the greater one, as on a y axis.
    let start: Double
    let end: Double

    /// A scale over `domain`, widened where it would have no length. A logarithmic one starts above zero.
    init(_ domain: ClosedRange<Double>, from start: Double, to end: Double, logarithmic: Bool = false) {
        let lower = domain.lowerBound.isFinite ? domain.lowerBound : 0
        let upper = domain.upperBound.isFinite ? domain.upperBound : lower + 1
        if logarithmic {
            let positive = Swift.max(lower, 1e-9)
            self.domain = positive...Swift.max(upper, positive * 10)
        } else {
            self.domain = lower...(upper > lower ? upper : lower + 1)
        }
        isLogarithmic = logarithmic
        self.start = start
        self.end = end
    }

    /// Place of the value; values outside the domain lie on its edge.
    func callAsFunction(_ value: Double) -> Double {
        let inside = Swift.min(Swift.max(value, domain.lowerBound), domain.upperBound)
        let share =
            isLogarithmic
            ? log(inside / domain.lowerBound) / log(domain.upperBound / domain.lowerBound)
            : (inside - domain.lowerBound) / (domain.upperBound - domain.lowerBound)
        return start + (end - start) * share
    }

    /// The value at a share 0…1 of the axis.
    func value(at share: Double) -> Double {
        isLogarithmic
            ? domain.lowerBound * pow(domain.upperBound / domain.lowerBound, share)
            : domain.lowerBound + (domain.upperBound - domain.lowerBound) * share
    }

    /// About `count` round values inside the domain, ascending.
    func ticks(_ count: Int) -> [Double] {
        isLogarithmic ? logarithmicTicks(count) : Self.linearTicks(domain, count)
    }

    /// Multiples of 1, 2 or 5 times a power of ten.
    static func linearTicks(_ domain: ClosedRange<Double>, _ count: Int) -> [Double] {
        let step = niceStep((domain.upperBound - domain.lowerBound) / Double(Swift.max(1, count)))
        guard step > 0, step.isFinite else { return [domain.lowerBound] }
        let first = (domain.lowerBound / step - 1e-9).rounded(.up)
        let last = (domain.upperBound / step + 1e-9).rounded(.down)
        guard last >= first, last - first < 1_000 else { return [domain.lowerBound] }
        return stride(from: first, through: last, by: 1).map { $0 * step }
    }

    /// The smallest 1, 2 or 5 times a power of ten that is at least `step`.
    static func niceStep(_ step: Double) -> Double {
        guard step > 0, step.isFinite else { return 1 }
        let power = pow(10, floor(log10(step)))
        let lead = step / power
        return (lead <= 1 + 1e-9 ? 1 : lead <= 2 + 1e-9 ? 2 : lead <= 5 + 1e-9 ? 5 : 10) * power
    }

    /// Powers of ten, with their 2- and 5-folds where there is room, every n-th where there are too many.
    private func logarithmicTicks(_ count: Int) -> [Double] {
        let (low, high) = (Int(floor(log10(domain.lowerBound))), Int(ceil(log10(domain.upperBound))))
        let decades = Swift.max(1, high - low)
        let leads: [Double] = decades * 3 <= count ? [1, 2, 5] : decades * 2 <= count ? [1, 3] : [1]
        let every = Swift.max(1, decades / Swift.max(1, count))
        return stride(from: low, through: high, by: every).flatMap { power in leads.map { $0 * pow(10, Double(power)) }
        }
        .filter { $0 >= domain.lowerBound * 0.999_999 && $0 <= domain.upperBound * 1.000_001 }
    }

    /// A domain of durations for a logarithmic axis: from the 1-2-5 value below the lowest to the one above the highest.
    static func logarithmicDomain(_ lowest: Double, _ highest: Double) -> ClosedRange<Double> {
        let low = Swift.max(1_000, lowest)
        let high = Swift.max(highest, low)
        let down = 1 / niceStep(1 / low)
        let up = niceStep(high)
        return down...Swift.max(up, down * 10)
    }
}
