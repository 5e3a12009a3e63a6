// SPDX-License-Identifier: Apache-2.0

internal import Resilience

/// A mapping of a script whose keys are known.
struct ScriptSection {
    let reader: ScriptReader
    /// For messages: `the load 'browse'`.
    let title: String
    /// Where the section is named.
    let position: ScriptPosition
    let entries: [ScriptNode.Entry]

    /// Takes a mapping apart; keys other than the allowed ones are reported. Nil when it is no mapping.
    init?(_ node: ScriptNode, _ title: String, at position: ScriptPosition? = nil, keys: [String], reader: ScriptReader)
    {
        guard let entries = node.entries else {
            reader.report(
                node.isNull ? position ?? node.position : node.position,
                "\(title) is a mapping with the keys \(keys.joined(separator: ", ")), not \(node.kind)")
            return nil
        }
        self.init(entries, title, at: position ?? node.position, keys: keys, reader: reader)
    }

    init(
        _ entries: [ScriptNode.Entry], _ title: String, at position: ScriptPosition, keys: [String],
        reader: ScriptReader
    ) {
        self.reader = reader
        self.title = title
        self.position = position
        self.entries = entries
        for entry in entries where !keys.contains(entry.key) {
            reader.report(
                entry.keyPosition,
                "unknown key \(entry.key.quoted) in \(title)\(NearestName.advice(for: entry.key, among: keys))")
        }
    }

    /// The value of a key; nil when the key is absent or has no value.
    subscript(_ key: String) -> ScriptNode? {
        guard let entry = entry(key), !entry.value.isNull else { return nil }
        return entry.value
    }

    func entry(_ key: String) -> ScriptNode.Entry? { entries.first { $0.key == key } }

    /// The value of a key that must be there.
    func required(_ key: String, example: String) -> ScriptNode? {
        if let node = self[key] { return node }
        reader.report(
            entry(key)?.keyPosition ?? position,
            "\(title) has no \(key.quoted); write for example \(key): \(example)")
        return nil
    }

    /// The value of a key that may be absent: `.some(nil)` when it is, nil when it is faulty.
    func optional<Value>(_ key: String, _ read: (ScriptNode) -> Value?) -> Value?? {
        guard let node = self[key] else { return .some(nil) }
        return read(node).map(Optional.some)
    }

    func duration(_ key: String, default standard: Duration, allowZero: Bool = true) -> Duration? {
        guard let node = self[key] else { return standard }
        return reader.duration(node, key, allowZero: allowZero)
    }

    func integer(_ key: String, in range: ClosedRange<Int>, default standard: Int) -> Int? {
        guard let node = self[key] else { return standard }
        return reader.integer(node, key, in: range)
    }
}
