// SPDX-License-Identifier: Apache-2.0

internal import Resilience

/// Reads changes of policies as they are typed: `circuit-breaker=disabled`, `retry.attempts=3`, `shadow`.
enum PolicyArguments {
    /// The edits of one pipeline.
    ///
    /// - Throws: `ConfigurationFaults` with everything that is wrong, or `CommandFailure` for what is no change at all.
    static func edits(pipeline: String, changes: [String]) throws -> PolicyEdits {
        if changes.count == 1, !changes[0].contains("=") {
            return try PolicyEdits(.map(ConfigurationMap([.init(pipeline, .string(changes[0]))])))
        }
        var policies = ConfigurationMap()
        for change in changes {
            let sides = change.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let path = sides[0].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            guard sides.count == 2, !sides[1].isEmpty, !path.contains("") else {
                throw CommandFailure(
                    .script,
                    "'\(change)' is no change of a policy; write policy=mode, policy=value or policy.option=value")
            }
            policies = set(scalar(sides[1]), at: path[...], in: policies)
        }
        return try PolicyEdits(.map(ConfigurationMap([.init(pipeline, .map(policies))])))
    }

    private static func set(
        _ value: ConfigurationValue, at path: ArraySlice<String>, in map: ConfigurationMap
    ) -> ConfigurationMap {
        guard let key = path.first else { return map }
        var map = map
        if path.count == 1 {
            // A mode beside options that were given before is one of them: retry.attempts=3 retry=shadow.
            if case .map(var options) = map[key] {
                options["mode"] = value
                map[key] = .map(options)
            } else {
                map[key] = value
            }
        } else {
            var options = ConfigurationMap()
            switch map[key] {
            case .map(let given): options = given
            case .some(let mode): options["mode"] = mode
            case nil: break
            }
            map[key] = .map(set(value, at: path.dropFirst(), in: options))
        }
        return map
    }

    private static func scalar(_ text: String) -> ConfigurationValue {
        if let number = Int(text) { return .int(number) }
        if let number = Double(text), number.isFinite { return .double(number) }
        switch text {
        case "true": return .bool(true)
        case "false": return .bool(false)
        default: return .string(text)
        }
    }
}
