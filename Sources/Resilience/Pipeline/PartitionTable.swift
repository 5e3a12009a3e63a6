// SPDX-License-Identifier: Apache-2.0

/// The name of a pipeline and of its partition in one string: `post -> comment [host-3]`.
enum PipelineName {
    static func joined(_ name: String, _ partition: String) -> String {
        "\(name) [\(partition)]"
    }

    /// The name that a partition belongs to; nil for one that is no partition.
    static func base(of name: String) -> String? {
        guard name.hasSuffix("]"), let bracket = name.range(of: " [") else { return nil }
        return String(name[..<bracket])
    }
}

extension String {
    /// The first place where the text occurs.
    fileprivate func range(of text: String) -> String.Index? {
        var index = startIndex
        while index != endIndex {
            if self[index...].hasPrefix(text) { return index }
            index = self.index(after: index)
        }
        return nil
    }
}

/// The partitions that a registry keeps, with the one to go first when there are too many.
struct PartitionTable: Sendable {
    /// A pipeline that made room and may still be in use.
    private struct Leaving: Sendable {
        weak var pipeline: ResiliencePipeline?
    }

    private struct Entry: Sendable {
        var pipeline: ResiliencePipeline
        /// Its place in the order of use.
        var place: UInt64
    }

    /// The partitions that are looked at to find one that nobody uses.
    private static let sampleSize = 16

    private let capacity: Int
    private var entries: [String: Entry] = [:]
    /// From the one that was not asked for the longest.
    private var order = WaitingLine<String>()
    private var next: UInt64 = 0
    private var leaving: [Leaving] = []

    init(capacity: Int) {
        self.capacity = max(1, capacity)
    }

    /// The partitions that can be asked for.
    var kept: [ResiliencePipeline] {
        entries.values.map(\.pipeline)
    }

    /// These and those that made room while somebody used them.
    var all: [ResiliencePipeline] {
        kept + leaving.compactMap(\.pipeline)
    }

    /// The partition of that name, which somebody has asked for now.
    mutating func use(_ name: String) -> ResiliencePipeline? {
        guard let entry = entries[name] else { return nil }
        _ = order.remove(entry.place)
        let place = append(name)
        entries[name]?.place = place
        return entry.pipeline
    }

    /// Adds a partition.
    ///
    /// - Returns: The one that made room for it.
    mutating func insert(_ pipeline: ResiliencePipeline, as name: String) -> ResiliencePipeline? {
        let evicted = entries.count < capacity ? nil : evict()
        entries[name] = Entry(pipeline: pipeline, place: append(name))
        return evicted
    }

    private mutating func append(_ name: String) -> UInt64 {
        next += 1
        order.append(next, name)
        return next
    }

    /// Takes out the partition that was not asked for the longest, of those that nobody holds if there are any among
    /// the first.
    private mutating func evict() -> ResiliencePipeline? {
        var victim = order.first?.element
        for (_, name) in order.firstElements(Self.sampleSize) where isIdle(name) {
            victim = name
            break
        }
        guard let victim, let entry = entries.removeValue(forKey: victim) else { return nil }
        _ = order.remove(entry.place)
        leaving.removeAll { $0.pipeline == nil }
        leaving.append(Leaving(pipeline: entry.pipeline))
        return entry.pipeline
    }

    private mutating func isIdle(_ name: String) -> Bool {
        // Taken out meanwhile, so that the table's own reference is the only one that it has.
        guard var entry = entries.removeValue(forKey: name) else { return false }
        let isIdle = isKnownUniquelyReferenced(&entry.pipeline)
        entries[name] = entry
        return isIdle
    }
}
