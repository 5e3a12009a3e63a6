// SPDX-License-Identifier: Apache-2.0

import Testing

/// The formulas against tables that were computed by others.
@Suite("Queueing theory")
struct QueueingTheoryTests {
    @Test(
        "M/M/1",
        arguments: [(0.5, 2.0, 1.386, 4.605, 9.210), (0.8, 5, 3.466, 11.513, 23.026), (0.9, 10, 6.931, 23.026, 46.052)])
    func mm1(load: Double, mean: Double, p50: Double, p90: Double, p99: Double) {
        #expect(abs(QueueingTheory.mm1(mean: load) - mean) < 1e-9)
        for (share, value) in [(0.5, p50), (0.9, p90), (0.99, p99)] {
            #expect(
                abs(QueueingTheory.quantile(share) { QueueingTheory.mm1(survivor: $0, load: load) } - value) < 0.001)
        }
    }

    @Test(
        "M/D/1",
        arguments: [(0.5, 1.5, 1.0, 2.516, 4.336), (0.7, 2.167, 1.730, 4.077, 7.485), (0.8, 3, 2.276, 6.012, 11.356)])
    func md1(load: Double, mean: Double, p50: Double, p90: Double, p99: Double) {
        #expect(abs(QueueingTheory.md1(mean: load) - mean) < 0.001)
        for (share, value) in [(0.5, p50), (0.9, p90), (0.99, p99)] {
            let quantile = QueueingTheory.quantile(share) { QueueingTheory.md1(survivor: $0, load: load) }
            #expect(abs(quantile - value) < 0.002, "\(share): \(quantile)")
        }
    }

    @Test(
        "M/M/c",
        arguments: [
            (2, 0.5, 0.3333, 1.3333, 0.974, 5.666), (2, 0.8, 0.7111, 2.7778, 2.040, 11.937),
            (4, 0.8, 0.5964, 1.7455, 1.346, 6.893), (8, 0.9, 0.7015, 1.8769, 1.489, 7.087),
        ])
    func mmc(servers: Int, load: Double, waits: Double, mean: Double, p50: Double, p99: Double) {
        #expect(abs(QueueingTheory.erlangC(servers: servers, load: load) - waits) < 0.0001)
        #expect(abs(QueueingTheory.mmc(mean: load, servers: servers) - mean) < 0.0001)
        for (share, value) in [(0.5, p50), (0.99, p99)] {
            let quantile = QueueingTheory.quantile(share) {
                QueueingTheory.mmc(survivor: $0, servers: servers, load: load)
            }
            #expect(abs(quantile - value) < 0.001, "\(share): \(quantile)")
        }
    }

    @Test(
        "M/M/1//N",
        arguments: [(10, 18.27, 0.5, 1.73, 7.5), (10, 7.51, 0.9, 3.60, 11.7), (100, 104.1, 0.9, 7.00, 25.2)])
    func closed(users: Int, think: Double, load: Double, mean: Double, p99: Double) {
        let closed = QueueingTheory.Closed(users: users, think: think)
        #expect(abs(closed.utilization - load) < 0.001)
        #expect(abs(closed.mean / mean - 1) < 0.005)
        #expect(abs(QueueingTheory.quantile(0.99, of: closed.survivor) / p99 - 1) < 0.01)
    }
}
