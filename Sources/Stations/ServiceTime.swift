// SPDX-License-Identifier: Apache-2.0

package import FaultInjection
internal import Glibc

/// How long a station works on a request: a distribution that draws the same values for the same seed.
///
/// All times are nanoseconds. Scripts write it as text; the words are in `ServiceTime+Text.swift`.
package indirect enum ServiceTime: Sendable, Equatable {
    /// Always the same.
    case fixed(Double)
    /// Uniform between two times.
    case uniform(Double, Double)
    /// Exponential with this mean: P(S > t) = exp(−t / mean).
    case exponential(mean: Double)
    /// Hyperexponential with balanced means: two exponentials whose mixture has this mean and this squared coefficient
    /// of variation C² (at least 1).
    ///
    /// With p = ½ (1 + √((C² − 1) / (C² + 1))) the branches have the means m / 2p and m / 2(1 − p) (H. C. Tijms, "A
    /// First Course in Stochastic Models", 2003, appendix B).
    case hyperexponential(mean: Double, squaredVariation: Double)
    /// Lognormal with this mean and this squared coefficient of variation: σ² = ln(1 + C²), μ = ln(mean) − σ²/2.
    case lognormal(mean: Double, squaredVariation: Double)
    /// One of several distributions, each with its share; the shares add up to 1.
    case mix([Component])
    /// A distribution that was measured, as a curve through its quantiles.
    case table(QuantileTable)

    /// A part of a ``ServiceTime/mix(_:)``.
    package struct Component: Sendable, Equatable {
        package var share: Double
        package var time: ServiceTime

        package init(share: Double, time: ServiceTime) {
            self.share = share
            self.time = time
        }
    }

    /// No sample is longer: 10,000 hours, the longest duration that a script can write. Sums of samples can't overflow.
    static let longest = 3.6e16

    /// Draws one service time, in whole nanoseconds.
    package func sample(using generator: inout SeededGenerator) -> UInt64 {
        // In bounds after the clamp; NaN can't occur because every parameter is finite and positive.
        UInt64(Swift.min(Swift.max(draw(&generator), 0), Self.longest).rounded())
    }

    private func draw(_ generator: inout SeededGenerator) -> Double {
        switch self {
        case .fixed(let time): return time
        case .uniform(let low, let high): return low + (high - low) * generator.nextUnit()
        case .exponential(let mean): return Self.exponential(mean, &generator)
        case .hyperexponential(let mean, let variation):
            let share = Self.balancedShare(variation)
            let isFirst = generator.nextUnit() < share
            return Self.exponential(mean / (2 * (isFirst ? share : 1 - share)), &generator)
        case .lognormal(let mean, let variation):
            let variance = log1p(variation)
            // Box–Muller; 1 − u is above 0.
            let radius = (-2 * log1p(-generator.nextUnit())).squareRoot()
            let normal = radius * cos(2 * .pi * generator.nextUnit())
            return exp(log(mean) - variance / 2 + variance.squareRoot() * normal)
        case .mix(let components):
            var rest = generator.nextUnit()
            for component in components {
                rest -= component.share
                if rest < 0 { return component.time.draw(&generator) }
            }
            // Rounding of the shares: the last one takes what is left.
            return components.last?.time.draw(&generator) ?? 0
        case .table(let table): return table.value(survivor: 1 - generator.nextUnit())
        }
    }

    private static func exponential(_ mean: Double, _ generator: inout SeededGenerator) -> Double {
        -mean * log1p(-generator.nextUnit())
    }

    private static func balancedShare(_ variation: Double) -> Double {
        (1 + ((variation - 1) / (variation + 1)).squareRoot()) / 2
    }

    /// The mean in nanoseconds.
    package var mean: Double { moments.first }

    /// C² = variance / mean²: 0 for a fixed time, 1 for an exponential one; 0 when the mean is 0.
    package var squaredVariation: Double {
        let (first, second) = moments
        return first > 0 ? Swift.max(0, second / (first * first) - 1) : 0
    }

    /// E[S] and E[S²].
    private var moments: (first: Double, second: Double) {
        switch self {
        case .fixed(let time): return (time, time * time)
        case .uniform(let low, let high): return ((low + high) / 2, (low * low + low * high + high * high) / 3)
        case .exponential(let mean): return (mean, 2 * mean * mean)
        case .hyperexponential(let mean, let variation), .lognormal(let mean, let variation):
            return (mean, mean * mean * (1 + variation))
        case .mix(let components):
            return components.reduce((0, 0)) { sum, component in
                let part = component.time.moments
                return (sum.0 + component.share * part.first, sum.1 + component.share * part.second)
            }
        case .table(let table): return table.moments
        }
    }
}
