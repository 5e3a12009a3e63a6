// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// A time limit and whether it is enforced, in one word: a caller never sees the limit of one setting with the mode of
/// another.
struct AtomicLimit: ~Copyable, Sendable {
    /// Nanoseconds: above 0 an enforced limit, below 0 one that is only watched, 0 none.
    private let word: Atomic<Int64>

    init(_ limit: Duration?, _ mode: PolicyMode) {
        word = Atomic(Self.word(limit, mode))
    }

    private static func word(_ limit: Duration?, _ mode: PolicyMode) -> Int64 {
        // Limits are at least a millisecond; one that nobody gave is no limit.
        guard let limit else { return 0 }
        let nanoseconds = max(1, limit.nanosecondsSaturated)
        switch mode {
        case .enforced: return nanoseconds
        case .shadow: return -nanoseconds
        default: return 0
        }
    }

    /// Takes a new setting.
    func store(_ limit: Duration?, _ mode: PolicyMode) {
        word.store(Self.word(limit, mode), ordering: .relaxed)
    }

    /// The limit in nanoseconds that ends what takes longer; `.max` without one.
    var enforced: Int64 {
        let word = word.load(ordering: .relaxed)
        return word > 0 ? word : .max
    }

    /// The limit in nanoseconds that is only watched; `.max` without one.
    var watched: Int64 {
        let word = word.load(ordering: .relaxed)
        return word < 0 ? -word : .max
    }
}
