// SPDX-License-Identifier: Apache-2.0

import Resilience
import ResilienceTesting

/// What an operation of a script says when it fails.
enum ScriptedFailure: Error, Equatable { case down, unavailable, cancelled }

/// A suite whose calls go through a pipeline and do what a script says.
protocol ScriptedCalls {
    /// What pipelines and scripts wait on.
    var clock: ManualClock { get }
}

extension ScriptedCalls {
    typealias Script = OutcomeScript<String, ScriptedFailure>

    /// A registry with settings for its pipeline `p`.
    func registry(_ policies: ConfigurationValue) throws -> ResilienceRegistry {
        let registry = ResilienceRegistry(time: clock.source, seed: 3)
        try registry.apply(PolicyEdits(["p": policies]))
        return registry
    }

    func pipeline(_ policies: ConfigurationValue) throws -> ResiliencePipeline {
        try registry(policies).pipeline("p")
    }

    func script(_ outcomes: ScriptedOutcome<String, ScriptedFailure>...) -> Script {
        Script(on: clock, cancellation: .cancelled, outcomes)
    }

    /// Makes a call that may be repeated, in a task of its own.
    func call(
        _ pipeline: ResiliencePipeline, _ script: Script, deadline: Duration? = nil
    ) -> Task<Result<String, ResilienceError<ScriptedFailure>>, Never> {
        let latest = deadline.map { clock.now.advanced(by: $0) }
        return Task {
            do throws(ResilienceError<ScriptedFailure>) {
                return .success(try await pipeline.execute(idempotency: .safe, deadline: latest, operation: script.run))
            } catch {
                return .failure(error)
            }
        }
    }
}
