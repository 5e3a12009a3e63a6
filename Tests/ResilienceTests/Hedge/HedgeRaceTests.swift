// SPDX-License-Identifier: Apache-2.0

internal import TestSupport
internal import Testing

@testable internal import Resilience

@Suite("The attempts of a hedged call")
struct HedgeRaceTests {
    private func race(hedges: Int = 1, deadline: Int64 = .max) -> Hedge.Race {
        Hedge.Race(Hedge.Plan(delay: 100, hedges: hedges), start: 1_000, deadline: deadline)
    }

    private func expect(
        _ race: inout Hedge.Race, at now: Int64, _ action: Hedge.Race.Action,
        _ location: SourceLocation = #_sourceLocation
    ) {
        let next = race.next(at: now)
        #expect(next == action, sourceLocation: location)
    }

    private func expect(
        _ race: inout Hedge.Race, at now: Int64, launches number: Int?, _ location: SourceLocation = #_sourceLocation
    ) {
        let launched = race.launch(at: now)
        #expect(launched == number, sourceLocation: location)
    }

    @Test("waits for the delay, starts one hedge, and then only for results")
    func slow() {
        var race = race()
        expect(&race, at: 1_000, .wait(until: 1_100))
        expect(&race, at: 1_099, .wait(until: 1_100))
        expect(&race, at: 1_100, .start(.slow))
        expect(&race, at: 1_100, launches: 1)
        expect(&race, at: 5_000, .wait(until: nil))
    }

    @Test("cancels the losers as soon as there is an acceptable result, and settles when they have ended")
    func won() {
        var race = race()
        _ = race.next(at: 1_100)
        _ = race.launch(at: 1_100)
        race.ended(1, .acceptable, at: 1_150)
        expect(&race, at: 1_150, .cancelAttempts)
        expect(&race, at: 1_150, .wait(until: nil))
        race.ended(0, .cancelled, at: 1_160)
        expect(&race, at: 1_160, .settled(.attempt(1)))
        #expect(race.cancelInstant == 1_150)
    }

    @Test("a failure starts the next attempt at once, and the delay counts anew from there")
    func failed() {
        var race = race(hedges: 2)
        race.ended(0, .failed, at: 1_020)
        expect(&race, at: 1_020, .start(.failed))
        expect(&race, at: 1_020, launches: 1)
        expect(&race, at: 1_020, .wait(until: 1_120))
        race.ended(1, .failed, at: 1_030)
        expect(&race, at: 1_030, .start(.failed))
        expect(&race, at: 1_030, launches: 2)
        race.ended(2, .failed, at: 1_040)
        expect(&race, at: 1_040, .settled(.attempt(0)))
    }

    @Test("a denied hedge ends nothing (failsafe-go #141) and is not asked for again")
    func denied() {
        var race = race(hedges: 3)
        expect(&race, at: 1_100, .start(.slow))
        race.deny()
        expect(&race, at: 1_100, .wait(until: nil))
        race.ended(0, .acceptable, at: 1_500)
        expect(&race, at: 1_500, .settled(.attempt(0)))
        #expect(race.wasDenied)
    }

    @Test(
        "no attempt is added when the callee asks to be left alone or the call was refused",
        arguments: [
            Hedge.Judgement.throttled, .refused, .cancelled, .hopeless,
        ])
    func leftAlone(judgement: Hedge.Judgement) {
        var race = race()
        race.ended(0, judgement, at: 1_020)
        expect(&race, at: 1_200, .settled(.attempt(0)))
    }

    @Test("a failure that every attempt would have ends the call when it is the primary's")
    func hopeless() {
        var race = race()
        _ = race.next(at: 1_100)
        _ = race.launch(at: 1_100)
        race.ended(0, .hopeless, at: 1_110)
        expect(&race, at: 1_110, .cancelAttempts)
        race.ended(1, .acceptable, at: 1_111)
        expect(&race, at: 1_111, .settled(.attempt(0)))
    }

    @Test("nothing is started at or after the deadline")
    func deadline() {
        var late = race(deadline: 1_100)
        expect(&late, at: 1_000, .wait(until: nil))
        expect(&late, at: 1_100, .wait(until: nil))
        var failed = race(deadline: 1_050)
        failed.ended(0, .failed, at: 1_050)
        expect(&failed, at: 1_050, .settled(.attempt(0)))
    }

    @Test("an attempt that was wanted is not launched once there is a result")
    func lateLaunch() {
        var race = race()
        expect(&race, at: 1_100, .start(.slow))
        race.ended(0, .acceptable, at: 1_101)
        expect(&race, at: 1_102, launches: nil)
        expect(&race, at: 1_102, .settled(.attempt(0)))
    }

    @Test("gives up when the caller does, unless an attempt has an answer all the same")
    func cancelled() {
        var race = race()
        race.cancel(at: 1_010)
        expect(&race, at: 1_010, .cancelAttempts)
        var lucky = race
        race.ended(0, .cancelled, at: 1_020)
        expect(&race, at: 1_200, .settled(.cancelled(0)))
        lucky.ended(0, .acceptable, at: 1_020)
        expect(&lucky, at: 1_200, .settled(.attempt(0)))
    }

    @Test("with a primary that was refused, the error of a hedge that was not is the call's")
    func refusedPrimary() {
        var race = race()
        _ = race.next(at: 1_100)
        _ = race.launch(at: 1_100)
        race.ended(0, .refused, at: 1_110)
        race.ended(1, .failed, at: 1_120)
        expect(&race, at: 1_120, .settled(.attempt(1)))
    }

    @Test("ends with one result, at most 1 + n attempts, and never by a hedge's failure", arguments: Seeds.some(40))
    func anySchedule(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<50 {
            let hedges = random.int(in: 0...4)
            var race = race(hedges: hedges)
            var now: Int64 = 1_000
            var running: Set<Int> = [0]
            var judgements: [Int: Hedge.Judgement] = [:]
            var (started, cancels) = (1, 0)
            var firstDecision: Int?
            var settlement: Hedge.Race.Settlement?
            var isCancelled = false
            for _ in 0..<500 where settlement == nil {
                switch race.next(at: now) {
                case .start:
                    if random.chance(0.2) {
                        race.deny()
                    } else if let number = race.launch(at: now) {
                        #expect(number == started)
                        started += 1
                        running.insert(number)
                    }
                case .cancelAttempts: cancels += 1
                case .wait:
                    now += Int64(random.int(in: 1...60))
                    if random.chance(0.03) {
                        race.cancel(at: now)
                        isCancelled = true
                    } else if random.chance(0.5), let number = running.sorted().randomElement(using: &random) {
                        running.remove(number)
                        let judgement = Hedge.Judgement.allCases.randomElement(using: &random) ?? .failed
                        judgements[number] = judgement
                        let decides =
                            judgement == .acceptable || (number == 0 && judgement == .hopeless && !isCancelled)
                        if decides, firstDecision == nil { firstDecision = number }
                        race.ended(number, judgement, at: now)
                    }
                case .settled(let end): settlement = end
                }
            }
            #expect(running.isEmpty, "every attempt is awaited")
            #expect(started <= 1 + hedges)
            #expect(cancels <= 1)
            switch settlement {
            case .attempt(let number)?:
                if let firstDecision {
                    #expect(number == firstDecision)
                } else {
                    #expect(!isCancelled)
                    let firstFailure = judgements.filter { $0.value.isFailure }.keys.min()
                    #expect(number == firstFailure ?? 0)
                }
            case .cancelled?: #expect(isCancelled && firstDecision == nil)
            case nil: Issue.record("seed \(seed): not settled")
            }
        }
    }
}
