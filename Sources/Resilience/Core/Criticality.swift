// SPDX-License-Identifier: Apache-2.0

/// How much is lost when a call is refused: the four classes of the Site Reliability Engineering book.
public enum Criticality: UInt8, Sendable, Hashable, Comparable, Codable, CaseIterable {
    /// Work that nobody waits for and that is repeated by itself: refreshing a cache, a batch.
    case sheddable
    /// Work that may be refused now and then: batch work with a deadline, retries.
    case sheddablePlus
    /// A user waits for it. What a call is when nobody says otherwise.
    case critical
    /// Refusing it harms many users, or money: sign-in, payment.
    case criticalPlus

    /// The next class below; the lowest is its own.
    @inlinable
    public var lowered: Criticality {
        Criticality(rawValue: rawValue &- 1) ?? self
    }

    public static func < (left: Criticality, right: Criticality) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// One of 128 groups of users inside a class of criticality.
///
/// When a part of a class has to be refused it is always the calls of the same groups, so that the others get all of
/// their calls served: refusing every tenth call at random would break nearly every page that needs twenty.
public struct Cohort: Sendable, Hashable, Comparable, Codable {
    /// 0 (refused first) … 127.
    public let number: UInt8

    /// The cohort that is refused last: what a call belongs to when nobody says otherwise.
    public static let last = Cohort(127)

    /// The cohort of that number; only its lower seven bits count.
    ///
    /// - Parameter number: 0 … 127.
    @inlinable
    public init(_ number: UInt8) {
        self.number = number & 127
    }

    /// The cohort of a user, the same in every process (FNV-1a over the UTF-8 bytes).
    ///
    /// - Parameters:
    ///   - user: What identifies the user.
    ///   - epoch: Change it now and then (the hour of the day), so that it is not always the same users who are
    ///     refused.
    public init(user: String, epoch: UInt64 = 0) {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func mix(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        for byte in user.utf8 { mix(byte) }
        for shift in stride(from: UInt64(0), to: 64, by: 8) { mix(UInt8(truncatingIfNeeded: epoch >> shift)) }
        // The upper bits of a product are its best mixed ones.
        self.init(UInt8(truncatingIfNeeded: hash >> 57))
    }

    public static func < (left: Cohort, right: Cohort) -> Bool {
        left.number < right.number
    }
}
