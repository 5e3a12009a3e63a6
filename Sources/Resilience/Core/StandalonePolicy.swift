// SPDX-License-Identifier: Apache-2.0

/// What the policies share that are used beside a pipeline.
extension PolicySetting where Options: PolicyOptions {
    /// A setting made in code.
    ///
    /// - Throws: Everything that is wrong with it.
    static func checked(_ options: Options, _ mode: PolicyMode) throws(ConfigurationFaults) -> PolicySetting {
        let setting = PolicySetting(mode: mode, options: options)
        var faults: [ConfigurationFault] = []
        setting.check(at: [], &faults)
        if !faults.isEmpty { throw ConfigurationFaults(faults) }
        return setting
    }

    /// The setting after an edit in the form that configuration files and scripts use: a mode, a shorthand, or a
    /// mapping.
    ///
    /// - Throws: Everything that is wrong with the edit; then the setting stays as it is.
    func edited(by edit: ConfigurationValue) throws(ConfigurationFaults) -> PolicySetting {
        var edited = self
        var faults: [ConfigurationFault] = []
        edited.apply(edit, at: [], &faults)
        if faults.isEmpty { edited.check(at: [], &faults) }
        if !faults.isEmpty { throw ConfigurationFaults(faults) }
        return edited
    }
}

/// Runs an operation and says what its result means; an error under cancellation means nothing.
@inlinable
func judged<Success, Failure: Error>(
    by classifier: Classifier<Success, Failure>, _ operation: () async throws(Failure) -> Success
) async -> (result: Result<Success, Failure>, verdict: Verdict) {
    let result: Result<Success, Failure>
    do throws(Failure) {
        result = .success(try await operation())
    } catch {
        result = .failure(error)
        if Task.isCancelled { return (result, .ignore) }
    }
    return (result, classifier.classify(result).verdict)
}

extension Result {
    /// The value, or the error as that of a call's operation.
    @inlinable
    func getOperation() throws(ResilienceError<Failure>) -> Success {
        switch self {
        case .success(let value): return value
        case .failure(let error): throw .operation(error)
        }
    }
}
