// SPDX-License-Identifier: Apache-2.0

/// One thing that is wrong in a configuration.
public struct ConfigurationFault: Error, Sendable, Hashable, Codable {
    /// The keys from the root to the faulty place: `["post -> comment", "retry", "attempts"]`.
    public var path: [String]
    /// What is wrong and what would be right, as one sentence without a full stop.
    public var message: String
    /// The values or keys that are allowed in this place, when they can be listed.
    public var allowed: [String]
    /// The allowed value or key that was probably meant.
    public var nearest: String?

    /// A fault at a place.
    public init(path: [String], message: String, allowed: [String] = [], nearest: String? = nil) {
        self.path = path
        self.message = message
        self.allowed = allowed
        self.nearest = nearest
    }
}

extension ConfigurationFault: CustomStringConvertible {
    public var description: String {
        var text = path.isEmpty ? message : "\(path.joined(separator: ": ")): \(message)"
        if let nearest { text += "; did you mean \(nearest)?" }
        if !allowed.isEmpty { text += " (allowed: \(allowed.joined(separator: ", ")))" }
        return text
    }
}

/// Everything that is wrong in a configuration, so that it can be mended in one go. Nothing of the configuration was
/// applied.
public struct ConfigurationFaults: Error, Sendable, Hashable, Codable, CustomStringConvertible {
    /// At least one, in the order in which they were found.
    public var faults: [ConfigurationFault]

    /// An error of all that was found.
    public init(_ faults: [ConfigurationFault]) {
        self.faults = faults
    }

    public var description: String {
        faults.map(\.description).joined(separator: "\n")
    }
}

/// Finds what somebody meant to type.
package enum NearestName {
    /// The candidate with the fewest edits (Damerau-Levenshtein, adjacent swaps count one), if it is close enough to be
    /// a slip.
    package static func find(_ typed: String, in candidates: [String]) -> String? {
        let allowance = max(1, min(3, typed.count / 3))
        let scored = candidates.map { ($0, distance(typed, $0)) }.filter { $0.1 <= allowance }
        return scored.min { $0.1 < $1.1 }?.0
    }

    static func distance(_ first: String, _ second: String) -> Int {
        let (a, b) = (Array(first.lowercased().utf8), Array(second.lowercased().utf8))
        // Long input can't be a slip of a short key; bounding it keeps the table small whatever is typed.
        if abs(a.count - b.count) > 3 || a.count > 64 { return .max }
        if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
        var beforeLast: [Int] = []
        var last = Array(0...b.count)
        for i in 1...a.count {
            var row = [i]
            for j in 1...b.count {
                let substitution = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
                var best = min(last[j] + 1, row[j - 1] + 1, substitution)
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { best = min(best, beforeLast[j - 2] + 1) }
                row.append(best)
            }
            beforeLast = last
            last = row
        }
        return last[b.count]
    }
}
