// SPDX-License-Identifier: Apache-2.0

internal import TestSupport
internal import Testing

@testable internal import Resilience

@Suite("The budget of a hedge")
struct HedgeBudgetTests {
    @Test("starts empty and saves a twentieth of a hedge with every call: the 20th pays for the first, exactly")
    func earns() {
        var budget = HedgeBudget(HedgeOptions.Budget())
        var paid = [budget.withdraw()]
        for _ in 1...20 {
            budget.earn()
            paid.append(budget.withdraw())
        }
        #expect(paid == Array(repeating: false, count: 20) + [true])
        #expect(budget.balance == 0)
    }

    @Test("saves up no more than the burst, and a smaller burst takes what is above it")
    func burst() {
        var budget = HedgeBudget(HedgeOptions.Budget(ratio: 1, burst: 3))
        for _ in 0..<10 { budget.earn() }
        #expect(budget.balance == 3)
        budget.configure(HedgeOptions.Budget(ratio: 1, burst: 2))
        #expect(budget.balance == 2)
        budget.refund()
        #expect(budget.balance == 2, "a refund does not overflow either")
    }

    @Test("without a bound always pays, and one that comes later starts with what was saved")
    func unbounded() {
        var budget = HedgeBudget(nil)
        #expect(budget.balance == nil)
        let paid = (0..<100).count { _ in budget.withdraw() }
        #expect(paid == 100)
        budget.configure(HedgeOptions.Budget())
        #expect(budget.balance == 0)
        let isPaid = budget.withdraw()
        #expect(!isPaid)
    }

    @Test(
        "is never negative and never pays more than ratio × calls (Polly and resilience4j have no budget for hedges)",
        arguments: Seeds.some(20))
    func bounded(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let options = HedgeOptions.Budget(
            ratio: Double(random.int(in: 0...200)) / 100, burst: random.int(in: 1...20))
        var budget = HedgeBudget(options)
        var (calls, hedges) = (0, 0)
        for _ in 0..<2_000 {
            switch random.int(in: 0...9) {
            case 0...4:
                budget.earn()
                calls += 1
            case 5...8: if budget.withdraw() { hedges += 1 }
            default:
                if hedges > 0 {
                    hedges -= 1
                    budget.refund()
                }
            }
            let balance = budget.balance ?? -1
            #expect(balance >= 0 && balance <= Double(options.burst))
            #expect(Double(hedges) <= options.ratio * Double(calls) + 1e-9)
        }
    }
}
