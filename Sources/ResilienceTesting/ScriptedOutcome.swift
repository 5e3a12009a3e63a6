// SPDX-License-Identifier: Apache-2.0

/// What one run of a scripted operation does.
public struct ScriptedOutcome<Success: Sendable, Failure: Error>: Sendable {
    /// Nil: it never ends by itself.
    let result: Result<Success, Failure>?
    let after: Duration
    let ignoresCancellation: Bool

    private init(_ result: Result<Success, Failure>?, after: Duration, ignoresCancellation: Bool = false) {
        self.result = result
        self.after = after
        self.ignoresCancellation = ignoresCancellation
    }

    /// Returns the value when the time has passed, unless it is cancelled before.
    ///
    /// - Parameters:
    ///   - value: What it returns.
    ///   - after: On the script's clock; zero returns at once, without sleeping.
    public static func succeed(_ value: Success, after: Duration = .zero) -> ScriptedOutcome {
        ScriptedOutcome(.success(value), after: after)
    }

    /// Throws the error when the time has passed, unless it is cancelled before.
    ///
    /// - Parameters:
    ///   - error: What it throws.
    ///   - after: On the script's clock; zero throws at once, without sleeping.
    public static func fail(_ error: Failure, after: Duration = .zero) -> ScriptedOutcome {
        ScriptedOutcome(.failure(error), after: after)
    }

    /// Waits until it is cancelled.
    public static var hang: ScriptedOutcome {
        ScriptedOutcome(nil, after: .zero)
    }

    /// Does not care for cancellation: the same outcome, always after its time.
    ///
    /// A `hang` stays one that ends when it is cancelled; nothing could end it otherwise.
    public var ignoringCancellation: ScriptedOutcome {
        ScriptedOutcome(result, after: after, ignoresCancellation: result != nil)
    }
}
