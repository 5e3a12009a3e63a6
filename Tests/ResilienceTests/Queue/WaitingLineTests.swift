// SPDX-License-Identifier: Apache-2.0

internal import Testing

@testable internal import Resilience

@Suite("A waiting line")
struct WaitingLineTests {
    @Test("gives out what an array would, from either end and from the middle", arguments: [UInt64(1), 2, 3, 4])
    func againstArray(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var line = WaitingLine<UInt64>()
        var reference: [UInt64] = []
        var nextID: UInt64 = 0
        for step in 0..<20_000 {
            // Phases of growth and of emptying.
            let grows = (step / 500) % 2 == 0
            switch random.next() % 10 {
            case 0..<(grows ? 6 : 2):
                nextID += 1 + random.next() % 3
                line.append(nextID, nextID * 2)
                reference.append(nextID)
            case 6:
                let id = random.next() % (nextID + 2)
                let index = reference.firstIndex(of: id)
                #expect(line.remove(id) == index.map { _ in id * 2 }, "seed \(seed), step \(step)")
                if let index { reference.remove(at: index) }
            case 7:
                #expect(line.popLast()?.id == reference.popLast(), "seed \(seed), step \(step)")
            case 8 where random.next() % 50 == 0:
                let removed = line.removeAll { $0 % 6 == 0 }.map(\.id)
                #expect(removed == reference.filter { $0 % 3 == 0 })
                reference.removeAll { $0 % 3 == 0 }
            default:
                let expected = reference.isEmpty ? nil : reference.removeFirst()
                #expect(line.popFirst()?.id == expected, "seed \(seed), step \(step)")
            }
            #expect(
                line.count == reference.count && line.first?.id == reference.first && line.last?.id == reference.last)
        }
    }
}
