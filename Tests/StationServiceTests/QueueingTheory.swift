// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Response times in closed form, in units of the mean service time.
///
/// Sources: L. Kleinrock, "Queueing Systems", volume 1, 1975 (M/M/1 sojourn, 5.7; Erlang C, 3.5); A. K. Erlang, "The
/// Theory of Probabilities and Telephone Conversations", 1909 (waiting in M/D/1); E. D. Lazowska and others,
/// "Quantitative System Performance", 1984 (closed systems); M. Reiser, S. Lavenberg, "Mean-Value Analysis", JACM 27,
/// 1980 (arrival theorem).
enum QueueingTheory {
    /// M/M/1 with load ρ, first come first served: P(T > t) = exp(−(1 − ρ) t).
    static func mm1(survivor time: Double, load: Double) -> Double { exp(-(1 - load) * time) }

    static func mm1(mean load: Double) -> Double { 1 / (1 - load) }

    /// M/D/1: P(W ≤ t) = (1 − ρ) Σ_{k=0}^{⌊t⌋} [ρ(k − t)]^k / k! · exp(−ρ(k − t)), and T = W + 1.
    ///
    /// The terms alternate and cancel; doubles are good for t up to about 15 at ρ ≤ 0.8.
    static func md1(survivor time: Double, load: Double) -> Double {
        let wait = time - 1
        if wait < 0 { return 1 }
        var sum = 0.0
        for k in 0...Int(wait) {
            let x = load * (Double(k) - wait)
            // k = 0 has 0⁰ = 1.
            sum += (k == 0 ? 1 : pow(x, Double(k)) / tgamma(Double(k) + 1)) * exp(-x)
        }
        return 1 - (1 - load) * sum
    }

    static func md1(mean load: Double) -> Double { 1 + load / (2 * (1 - load)) }

    /// Erlang C: the probability that an arrival at M/M/c has to wait.
    static func erlangC(servers: Int, load: Double) -> Double {
        let offered = Double(servers) * load
        var term = 1.0
        var sum = 0.0
        for k in 0..<servers {
            sum += term
            term *= offered / Double(k + 1)
        }
        let waiting = term / (1 - load)
        return waiting / (sum + waiting)
    }

    /// M/M/c: P(T > t) = e^{−t} [1 + C (1 − e^{−(c−1−a) t}) / (c − 1 − a)] with a = cρ, and e^{−t} (1 + C t) where c −
    /// 1 = a.
    static func mmc(survivor time: Double, servers: Int, load: Double) -> Double {
        let waits = erlangC(servers: servers, load: load)
        let rest = Double(servers) - 1 - Double(servers) * load
        let factor = abs(rest) < 1e-9 ? time : (1 - exp(-rest * time)) / rest
        return exp(-time) * (1 + waits * factor)
    }

    static func mmc(mean load: Double, servers: Int) -> Double {
        1 + erlangC(servers: servers, load: load) / (Double(servers) * (1 - load))
    }

    /// M/M/1//N with think time Z: utilisation and the distribution that an arrival sees.
    ///
    /// An arrival sees the stationary distribution of the system with one customer less (arrival theorem), so with n
    /// before it T is Erlang of n + 1 stages.
    struct Closed {
        let users: Int
        let think: Double

        /// Stationary probabilities of n at the station with `population` users: p_n ∝ N!/(N−n)! · Z^{−n}.
        private func distribution(_ population: Int) -> [Double] {
            var weights = [1.0]
            for n in 0..<population { weights.append(weights[n] * Double(population - n) / think) }
            let sum = weights.reduce(0, +)
            return weights.map { $0 / sum }
        }

        var utilization: Double { 1 - distribution(users)[0] }
        /// N = X (R + Z), and X = U at a mean service time of 1.
        var mean: Double { Double(users) / utilization - think }

        func survivor(_ time: Double) -> Double {
            var sum = 0.0
            for (seen, probability) in distribution(users - 1).enumerated() {
                var term = exp(-time)
                var erlang = 0.0
                for k in 0...seen {
                    erlang += term
                    term *= time / Double(k + 1)
                }
                sum += probability * erlang
            }
            return sum
        }
    }

    /// The time that this share of the requests does not exceed.
    static func quantile(_ share: Double, of survivor: (Double) -> Double) -> Double {
        var (low, high) = (0.0, 1.0)
        while survivor(high) > 1 - share { high *= 2 }
        for _ in 0..<100 {
            let middle = (low + high) / 2
            if survivor(middle) > 1 - share { low = middle } else { high = middle }
        }
        return high
    }
}
