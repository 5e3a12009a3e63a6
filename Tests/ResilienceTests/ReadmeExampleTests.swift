// SPDX-License-Identifier: Apache-2.0

import Resilience
import Testing

/// The example of the README, so that it compiles and does what the text says.
@Suite("The example of the README")
struct ReadmeExampleTests {
    struct StockError: Error {}

    /// A client whose first call fails.
    actor StockClient {
        private(set) var calls = 0
        private let failures: Int

        init(failures: Int) { self.failures = failures }

        func level(of item: String) throws(StockError) -> Int {
            calls += 1
            if calls <= failures { throw StockError() }
            return 7
        }
    }

    private func level(_ client: StockClient, _ policies: ResilienceRegistry) async throws -> Int? {
        // Once, at start: the policies of every call from shop to stock, the same schema as in scenario scripts.
        try policies.apply(
            PolicyEdits([
                "shop -> stock": [
                    "fallback": "enforced",
                    "retry": ["attempts": 3, "backoff": ["base": "1ms"]],
                    "circuit-breaker": ["failure-rate": "50%", "window": "10s", "open": "2s"],
                    "bulkhead": 32,
                    "attempt-timeout": "250ms",
                ]
            ]))
        let stock = policies.pipeline("shop -> stock")

        // For each call: what to do, whether it may be repeated, and what to answer when nothing helps.
        return try await stock.execute(
            idempotency: .safe,
            fallback: { _ in .some(nil) },
            operation: { context async throws(StockError) -> Int? in
                try await client.level(of: "tea")
            })
    }

    @Test("retries a failed attempt")
    func retries() async throws {
        let client = StockClient(failures: 1)
        #expect(try await level(client, ResilienceRegistry()) == 7)
        #expect(await client.calls == 2)
    }

    @Test("falls back when every attempt fails")
    func fallsBack() async throws {
        let client = StockClient(failures: .max)
        #expect(try await level(client, ResilienceRegistry()) == nil)
        #expect(await client.calls == 3)
    }

    @Test("is toggled while it runs")
    func toggles() async throws {
        let policies = ResilienceRegistry()
        _ = try await level(StockClient(failures: 0), policies)
        try policies.apply(PolicyEdits(["shop -> stock": ["retry": "disabled"]]))
        let client = StockClient(failures: 1)
        await #expect(throws: ResilienceError<StockError>.self) {
            try await policies.pipeline("shop -> stock").execute(
                idempotency: .safe,
                operation: { _ async throws(StockError) -> Int in try await client.level(of: "tea") })
        }
        #expect(await client.calls == 1)
    }
}
