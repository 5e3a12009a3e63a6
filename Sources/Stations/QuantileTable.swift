// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A distribution given by points of its survivor function P(S > t).
///
/// Between two points the curve is straight in log t and log P, as tails of latencies are drawn. A last point at 0, the
/// maximum, has no logarithm: the stretch to it is straight in t and P. Beyond a last point above 0 nothing is longer:
/// its share is all at the last time.
package struct QuantileTable: Sendable, Equatable {
    package struct Point: Sendable, Equatable {
        /// Above 0, in nanoseconds.
        package var time: Double
        /// The share that is longer, 0…1.
        package var survivor: Double

        package init(time: Double, survivor: Double) {
            self.time = time
            self.survivor = survivor
        }
    }

    /// The name of a built-in table; nil for one that a script writes out.
    package var name: String?
    /// Times ascend from survivor 1, survivors descend.
    package let points: [Point]

    /// Nil unless there are two points or more, times are above 0 and don't descend, and survivors descend from 1.
    package init?(name: String? = nil, points: [Point]) {
        guard points.count >= 2, points[0].survivor == 1, points[0].time > 0 else { return nil }
        for (earlier, later) in zip(points, points.dropFirst()) {
            guard later.time >= earlier.time, later.time.isFinite, later.survivor < earlier.survivor,
                later.survivor >= 0
            else { return nil }
        }
        self.name = name
        self.points = points
    }

    /// The tables that have a name.
    package static let builtIn: [QuantileTable] = [tailAtScale]

    /// A leaf server whose fan-outs show the numbers of Dean and Barroso, "The Tail at Scale", CACM 56(2), 2013: the
    /// 99.9th percentile of 100 calls at once is 1,800 ms, and 74 ms with a second request after 10 ms.
    package static let tailAtScale: QuantileTable = {
        let points: [(milliseconds: Double, survivor: Double)] = [
            (1, 1), (10, 0.02), (70, 0.0032), (1_800, 1.0005e-5), (10_000, 1e-7),
        ]
        // Safe because the points above descend from 1.
        return QuantileTable(
            name: "tail-at-scale", points: points.map { Point(time: $0.milliseconds * 1e6, survivor: $0.survivor) })!
    }()

    /// The time that this share (0…1) exceeds.
    package func value(survivor: Double) -> Double {
        for (earlier, later) in zip(points, points.dropFirst()) where survivor > later.survivor {
            if later.survivor == 0 {
                let way = (earlier.survivor - survivor) / earlier.survivor
                return earlier.time + (later.time - earlier.time) * way
            }
            let way = log(survivor / earlier.survivor) / log(later.survivor / earlier.survivor)
            return earlier.time * pow(later.time / earlier.time, way)
        }
        return points[points.count - 1].time
    }

    /// E[S] and E[S²], from E[Sⁿ] = n ∫ tⁿ⁻¹ P(S > t) dt.
    var moments: (first: Double, second: Double) {
        let start = points[0].time
        var first = start
        var second = start * start
        for (earlier, later) in zip(points, points.dropFirst()) where later.time > earlier.time {
            first += Self.integral(earlier, later, power: 0)
            second += 2 * Self.integral(earlier, later, power: 1)
        }
        return (first, second)
    }

    /// ∫ tⁿ P(S > t) dt between two points.
    private static func integral(_ a: Point, _ b: Point, power: Double) -> Double {
        if b.survivor == 0 {
            // P falls in a straight line from a.survivor to 0: the mean of two closed forms.
            let length = b.time - a.time
            return power == 0 ? a.survivor * length / 2 : a.survivor * (a.time * length / 2 + length * length / 6)
        }
        // P = P(a) (t / a)^k
        let k = log(b.survivor / a.survivor) / log(b.time / a.time)
        let exponent = power + k + 1
        let scale = a.survivor * pow(a.time, power + 1)
        if abs(exponent) < 1e-9 { return scale * log(b.time / a.time) }
        return scale * (pow(b.time / a.time, exponent) - 1) / exponent
    }
}
