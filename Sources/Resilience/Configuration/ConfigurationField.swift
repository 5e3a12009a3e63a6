// SPDX-License-Identifier: Apache-2.0

/// One key of a policy's options: how it is read, checked and written. A policy lists its fields once; reading,
/// printing and the "allowed keys" of an error message all come from that list.
struct ConfigurationField<Options> {
    let key: String
    /// Puts the value into the options, or reports faults at the path.
    let read: (ConfigurationValue, inout Options, [String], inout [ConfigurationFault]) -> Void
    /// The value as it would be written; nil when it is not set.
    let write: (Options) -> ConfigurationValue?
    /// The value to check: what `write` gives, but not rounded for readers.
    let exact: (Options) -> ConfigurationValue?

    /// A field whose value is one word or number; `parse` gives nil for what does not fit, and `expects` says what
    /// would.
    static func scalar<Value>(
        _ key: String, expects: String, allowed: [String] = [], _ path: WritableKeyPath<Options, Value>,
        write: @escaping (Value) -> ConfigurationValue?, exact: ((Value) -> ConfigurationValue?)? = nil,
        parse: @escaping (ConfigurationValue) -> Value?
    ) -> Self {
        ConfigurationField(key: key) { value, options, place, faults in
            if let parsed = parse(value) {
                options[keyPath: path] = parsed
            } else {
                var nearest: String?
                if case .string(let typed) = value { nearest = NearestName.find(typed, in: allowed) }
                faults.append(
                    ConfigurationFault(
                        path: place, message: "expected \(expects), not \(value.kindName)", allowed: allowed,
                        nearest: nearest)
                )
            }
        } write: {
            write($0[keyPath: path])
        } exact: {
            (exact ?? write)($0[keyPath: path])
        }
    }

    static func duration(
        _ key: String, _ path: WritableKeyPath<Options, Duration>, in range: ClosedRange<Duration>
    ) -> Self {
        scalar(key, expects: Expectation.duration(range), path, write: { .string(ConfigurationText.format($0)) }) {
            Parse.duration($0, range)
        }
    }

    /// A duration that may be left out; `off` removes it.
    static func duration(
        _ key: String, _ path: WritableKeyPath<Options, Duration?>, in range: ClosedRange<Duration>
    ) -> Self {
        scalar(
            key, expects: "\(Expectation.duration(range)), or off", path,
            write: { $0.map { .string(ConfigurationText.format($0)) } }
        ) {
            Parse.isOff($0) ? .some(nil) : Parse.duration($0, range).map { .some($0) }
        }
    }

    static func integer(_ key: String, _ path: WritableKeyPath<Options, Int>, in range: ClosedRange<Int>) -> Self {
        scalar(key, expects: Expectation.integer(range), path, write: { .int($0) }) { Parse.integer($0, range) }
    }

    static func integer(_ key: String, _ path: WritableKeyPath<Options, Int?>, in range: ClosedRange<Int>) -> Self {
        scalar(key, expects: "\(Expectation.integer(range)), or off", path, write: { $0.map { .int($0) } }) {
            Parse.isOff($0) ? .some(nil) : Parse.integer($0, range).map { .some($0) }
        }
    }

    static func number(_ key: String, _ path: WritableKeyPath<Options, Double>, in range: ClosedRange<Double>) -> Self {
        scalar(
            key, expects: "a number from \(range.lowerBound) to \(range.upperBound)", path, write: { .double($0) }
        ) {
            Parse.number($0, range)
        }
    }

    /// A ratio; `above` excludes zero.
    static func ratio(
        _ key: String, _ path: WritableKeyPath<Options, Double>, in range: ClosedRange<Double> = 0...1
    ) -> Self {
        scalar(
            key, expects: Expectation.ratio(range), path, write: { .string(ConfigurationText.format(ratio: $0)) },
            exact: { .double($0) }
        ) {
            Parse.ratio($0, range)
        }
    }

    static func ratio(
        _ key: String, _ path: WritableKeyPath<Options, Double?>, in range: ClosedRange<Double> = 0...1
    ) -> Self {
        scalar(
            key, expects: "\(Expectation.ratio(range)), or off", path,
            write: { $0.map { .string(ConfigurationText.format(ratio: $0)) } ?? "off" },
            exact: { $0.map { .double($0) } ?? "off" }
        ) {
            Parse.isOff($0) ? .some(nil) : Parse.ratio($0, range).map { .some($0) }
        }
    }

    /// A name of one's own choosing that may be left out; `off` removes it.
    static func name(_ key: String, _ path: WritableKeyPath<Options, String?>) -> Self {
        scalar(key, expects: "a name of 1 to 100 characters, or off", path, write: { $0.map { .string($0) } }) {
            if Parse.isOff($0) { return .some(nil) }
            guard case .string(let name) = $0, (1...100).contains(name.count) else { return nil }
            return name
        }
    }

    static func word<Word: RawRepresentable<String> & CaseIterable>(
        _ key: String, _ path: WritableKeyPath<Options, Word>
    ) -> Self {
        let words = Word.allCases.map(\.rawValue)
        return scalar(
            key, expects: "one of \(words.joined(separator: ", "))", allowed: words, path,
            write: { .string($0.rawValue) }
        ) {
            if case .string(let text) = $0 { Word(rawValue: text) } else { nil }
        }
    }

    /// A mapping of further fields, or a scalar for the field that `shorthand` names.
    static func group<Sub>(
        _ key: String, _ path: WritableKeyPath<Options, Sub>, shorthand: String? = nil,
        _ fields: [ConfigurationField<Sub>]
    ) -> Self {
        ConfigurationField(key: key) { value, options, place, faults in
            ConfigurationField<Sub>.read(
                fields, shorthand: shorthand, from: value, into: &options[keyPath: path], at: place, &faults)
        } write: {
            .map(ConfigurationField<Sub>.write(fields, $0[keyPath: path]))
        } exact: {
            .map(ConfigurationField<Sub>.exact(fields, $0[keyPath: path]))
        }
    }

    /// A group that may be left out; `off` removes it, nothing leaves it as it is, and anything else starts from
    /// `initial`.
    static func optionalGroup<Sub>(
        _ key: String, _ path: WritableKeyPath<Options, Sub?>, initial: Sub, shorthand: String? = nil,
        _ fields: [ConfigurationField<Sub>]
    ) -> Self {
        ConfigurationField(key: key) { value, options, place, faults in
            if Parse.isOff(value) { return options[keyPath: path] = nil }
            if value == .null { return }
            var sub = options[keyPath: path] ?? initial
            ConfigurationField<Sub>.read(fields, shorthand: shorthand, from: value, into: &sub, at: place, &faults)
            options[keyPath: path] = sub
        } write: {
            $0[keyPath: path].map { .map(ConfigurationField<Sub>.write(fields, $0)) } ?? "off"
        } exact: {
            $0[keyPath: path].map { .map(ConfigurationField<Sub>.exact(fields, $0)) } ?? "off"
        }
    }

    /// Reads a mapping (or the shorthand scalar), reporting every unknown key and every bad value.
    static func read(
        _ fields: [ConfigurationField], shorthand: String?, from value: ConfigurationValue, into options: inout Options,
        at place: [String], _ faults: inout [ConfigurationFault]
    ) {
        switch value {
        case .map(let map):
            for entry in map.entries {
                if let field = fields.first(where: { $0.key == entry.key }) {
                    field.read(entry.value, &options, place + [entry.key], &faults)
                } else {
                    faults.append(.unknownKey(entry.key, at: place, allowed: fields.map(\.key)))
                }
            }
        case .null: break
        default:
            if let field = fields.first(where: { $0.key == shorthand }), !value.isList {
                field.read(value, &options, place, &faults)
            } else {
                faults.append(
                    ConfigurationFault(
                        path: place, message: "expected a mapping, not \(value.kindName)", allowed: fields.map(\.key)))
            }
        }
    }

    static func write(_ fields: [ConfigurationField], _ options: Options) -> ConfigurationMap {
        ConfigurationMap(fields.compactMap { field in field.write(options).map { .init(field.key, $0) } })
    }

    private static func exact(_ fields: [ConfigurationField], _ options: Options) -> ConfigurationMap {
        ConfigurationMap(fields.compactMap { field in field.exact(options).map { .init(field.key, $0) } })
    }

    /// Reports every value that is out of its bounds. Options that come from code were never read, so they are
    /// checked by reading what they would be written as.
    static func check(
        _ fields: [ConfigurationField], _ options: Options, at place: [String], _ faults: inout [ConfigurationFault]
    ) {
        var scratch = options
        read(fields, shorthand: nil, from: .map(exact(fields, options)), into: &scratch, at: place, &faults)
    }
}

extension ConfigurationFault {
    static func unknownKey(_ key: String, at place: [String], allowed: [String]) -> ConfigurationFault {
        ConfigurationFault(
            path: place + [key], message: "unknown key", allowed: allowed, nearest: NearestName.find(key, in: allowed))
    }
}

/// From a value of the tree to a typed one; nil when it does not fit.
private enum Parse {
    /// `off` as a word; YAML 1.1 readers make `false` of it.
    static func isOff(_ value: ConfigurationValue) -> Bool {
        value == .string("off") || value == .bool(false)
    }

    static func duration(_ value: ConfigurationValue, _ range: ClosedRange<Duration>) -> Duration? {
        guard case .string(let text) = value, let duration = ConfigurationText.duration(text) else { return nil }
        return range.contains(duration) ? duration : nil
    }

    static func integer(_ value: ConfigurationValue, _ range: ClosedRange<Int>) -> Int? {
        guard case .int(let number) = value else { return nil }
        return range.contains(number) ? number : nil
    }

    static func number(_ value: ConfigurationValue, _ range: ClosedRange<Double>) -> Double? {
        let number: Double
        switch value {
        case .int(let whole): number = Double(whole)
        case .double(let value): number = value
        default: return nil
        }
        return range.contains(number) ? number : nil
    }

    static func ratio(_ value: ConfigurationValue, _ range: ClosedRange<Double>) -> Double? {
        if case .string(let text) = value {
            return ConfigurationText.ratio(text).flatMap { range.contains($0) ? $0 : nil }
        }
        return number(value, range)
    }
}

/// The words in which an error message says what would have been right.
private enum Expectation {
    static func duration(_ range: ClosedRange<Duration>) -> String {
        "a duration such as 250ms or 2s from \(ConfigurationText.format(range.lowerBound)) "
            + "to \(ConfigurationText.format(range.upperBound))"
    }

    static func integer(_ range: ClosedRange<Int>) -> String {
        range.upperBound == .max
            ? "a whole number of at least \(range.lowerBound)"
            : "a whole number from \(range.lowerBound) to \(range.upperBound)"
    }

    static func ratio(_ range: ClosedRange<Double>) -> String {
        "a ratio from \(ConfigurationText.format(ratio: range.lowerBound)) to "
            + "\(ConfigurationText.format(ratio: range.upperBound)), written 0.1 or 10%"
    }
}
