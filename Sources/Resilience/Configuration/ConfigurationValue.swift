// SPDX-License-Identifier: Apache-2.0

/// A piece of configuration without the format it was written in: YAML, JSON and command lines all become this tree.
public enum ConfigurationValue: Sendable, Hashable {
    /// No value.
    case null
    /// True or false.
    case bool(Bool)
    /// A whole number.
    case int(Int)
    /// Any other number.
    case double(Double)
    /// A text; durations and ratios are texts too.
    case string(String)
    /// Values in an order.
    case list([ConfigurationValue])
    /// Values by key.
    case map(ConfigurationMap)

    var isList: Bool {
        if case .list = self { true } else { false }
    }

    /// What a person would call this kind of value in an error message.
    public var kindName: String {
        switch self {
        case .null: "nothing"
        case .bool(let value): "\(value)"
        case .int(let value): "\(value)"
        case .double(let value): "\(value)"
        case .string(let value): "\"\(value.prefix(60))\""
        case .list: "a list"
        case .map: "a mapping"
        }
    }
}

/// A mapping that keeps the order it was written in.
public struct ConfigurationMap: Sendable, Hashable {
    /// One key with its value.
    public struct Entry: Sendable, Hashable {
        /// The name.
        public var key: String
        /// What stands under it.
        public var value: ConfigurationValue

        /// A value under a name.
        public init(_ key: String, _ value: ConfigurationValue) {
            self.key = key
            self.value = value
        }
    }

    /// In the order in which they were written.
    public var entries: [Entry]

    /// A mapping with these entries.
    public init(_ entries: [Entry] = []) {
        self.entries = entries
    }

    /// Whether there is no entry.
    public var isEmpty: Bool {
        entries.isEmpty
    }

    /// The value of a key; setting replaces in place or appends, setting nil removes.
    public subscript(key: String) -> ConfigurationValue? {
        get {
            entries.first { $0.key == key }?.value
        }
        set {
            guard let index = entries.firstIndex(where: { $0.key == key }) else {
                if let newValue { entries.append(Entry(key, newValue)) }
                return
            }
            if let newValue { entries[index].value = newValue } else { entries.remove(at: index) }
        }
    }
}

extension ConfigurationValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(nilLiteral: ()) { self = .null }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int) { self = .int(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(arrayLiteral elements: ConfigurationValue...) { self = .list(elements) }
    public init(dictionaryLiteral elements: (String, ConfigurationValue)...) {
        self = .map(ConfigurationMap(elements.map { ConfigurationMap.Entry($0.0, $0.1) }))
    }
}
