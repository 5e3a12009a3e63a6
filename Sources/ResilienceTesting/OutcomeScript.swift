// SPDX-License-Identifier: Apache-2.0

public import Resilience
internal import Synchronization

/// An operation whose runs do what a script says, and that keeps what happened to each of them.
///
/// ```swift
/// let stock = OutcomeScript(on: clock, cancellation: StockError.cancelled) { run in
///     run < 2 ? .fail(StockError.unavailable, after: .milliseconds(5)) : .succeed(42, after: .milliseconds(10))
/// }
/// let level = try await pipeline.execute(idempotency: .safe, operation: stock.run)
/// #expect(stock.runs.count == 3)
/// ```
///
/// May be run from any number of tasks at once.
public final class OutcomeScript<Success: Sendable, Failure: Error>: Sendable {
    private struct Core {
        var runs: [ScriptedRun] = []
        var underWay = 0
        var maximumUnderWay = 0
    }

    private let core = Mutex(Core())
    private let time: TimeSource
    private let cancellation: Failure
    private let outcome: @Sendable (Int) -> ScriptedOutcome<Success, Failure>

    /// A script that decides about each run when it starts.
    ///
    /// - Parameters:
    ///   - clock: What its runs sleep on.
    ///   - cancellation: What a run throws that was cancelled.
    ///   - outcome: What the run of that number does; numbers count from 0.
    public init(
        on clock: ManualClock, cancellation: Failure,
        _ outcome: @escaping @Sendable (_ run: Int) -> ScriptedOutcome<Success, Failure>
    ) {
        time = clock.source
        self.cancellation = cancellation
        self.outcome = outcome
    }

    /// A script whose runs follow a list; further runs do what the last one does.
    ///
    /// - Parameters:
    ///   - clock: What its runs sleep on.
    ///   - cancellation: What a run throws that was cancelled.
    ///   - outcomes: At least one.
    public convenience init(
        on clock: ManualClock, cancellation: Failure, _ outcomes: [ScriptedOutcome<Success, Failure>]
    ) {
        precondition(!outcomes.isEmpty, "a script needs at least one outcome")
        self.init(on: clock, cancellation: cancellation) { outcomes[min($0, outcomes.count - 1)] }
    }

    /// The operation: hand `script.run` to a policy.
    ///
    /// - Parameter context: What the policy hands to it; kept in the record.
    /// - Throws: The script's error, or `cancellation` when its task was cancelled.
    public func run(_ context: CallContext = CallContext()) async throws(Failure) -> Success {
        let start = time.now()
        let number = core.withLock { core in
            core.runs.append(ScriptedRun(number: core.runs.count, context: context, start: start))
            core.underWay += 1
            core.maximumUnderWay = max(core.maximumUnderWay, core.underWay)
            return core.runs.count - 1
        }
        let outcome = outcome(number)
        let result = await withTaskCancellationHandler {
            await perform(outcome, from: start)
        } onCancel: {
            core.withLock { $0.runs[number].sawCancellation = true }
        }
        let end = time.now()
        let ending: ScriptedRun.Ending =
            switch result {
            case .success: .succeeded
            case .failure: .failed
            case nil: .cancelled
            }
        core.withLock { core in
            core.runs[number].end = end
            core.runs[number].ending = ending
            core.underWay -= 1
        }
        guard let result else { throw cancellation }
        return try result.get()
    }

    /// - Returns: Nil when it was cancelled.
    private func perform(
        _ outcome: ScriptedOutcome<Success, Failure>, from start: MonotonicInstant
    ) async -> Result<Success, Failure>? {
        let until = outcome.result == nil ? MonotonicInstant.distantFuture : start.advanced(by: outcome.after)
        if outcome.ignoresCancellation {
            // In a task of its own, because that one is not cancelled.
            await Task { [time] in try? await time.sleep(until: until) }.value
        } else if until > start {
            do {
                try await time.sleep(until: until)
            } catch {
                return nil
            }
        } else if Task.isCancelled {
            return nil
        }
        return outcome.result
    }

    /// What happened so far, in the order of the starts.
    public var runs: [ScriptedRun] {
        core.withLock { $0.runs }
    }

    /// Runs that are under way.
    public var underWay: Int {
        core.withLock { $0.underWay }
    }

    /// The most runs that were ever under way at once.
    public var maximumUnderWay: Int {
        core.withLock { $0.maximumUnderWay }
    }
}

extension OutcomeScript where Failure == any Error {
    /// A script whose runs follow a list and throw `CancellationError` when they are cancelled.
    ///
    /// - Parameters:
    ///   - clock: What its runs sleep on.
    ///   - outcomes: At least one; further runs do what the last one does.
    public convenience init(on clock: ManualClock, _ outcomes: [ScriptedOutcome<Success, any Error>]) {
        self.init(on: clock, cancellation: CancellationError(), outcomes)
    }
}
