// SPDX-License-Identifier: Apache-2.0

package import GRDB
internal import Synchronization

/// The identity of a stored record: 42 bits of milliseconds since 1970 and 21 bits of sequence.
///
/// Ids sort by the time of their creation, both as numbers and as text, so that "newest first" is a walk over the
/// primary key and a cursor is one id. Inside a database an id is an `INTEGER PRIMARY KEY`, outside it is a word of
/// 13 lower-case characters (Crockford's base 32: no `i`, `l`, `o`, `u`). Lasts until the year 2109.
package struct RecordID: Sendable, Hashable, Comparable {
    /// The number as it is stored; never negative.
    package let rawValue: Int64

    private static let sequenceBits: Int64 = 21
    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)
    private static let textLength = 13

    /// An id from a stored number.
    package init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// The first id of a millisecond.
    ///
    /// - Parameter millisecond: since 1970; what does not fit into 42 bits is cut off at the ends of the range.
    package init(firstOf millisecond: Int64) {
        let highest = (Int64(1) << 42) - 1
        rawValue = min(max(0, millisecond), highest) << Self.sequenceBits
    }

    /// An id from its text, or nil when that is not exactly what ``description`` would print.
    package init?(_ text: some StringProtocol) {
        var value: UInt64 = 0
        var length = 0
        for byte in text.utf8 {
            guard length < Self.textLength, let digit = Self.alphabet.firstIndex(of: byte) else { return nil }
            // 13 digits are 65 bits: a first digit above 7 would not fit into a positive Int64.
            if length == 0 && digit > 7 { return nil }
            value = value << 5 | UInt64(digit)
            length += 1
        }
        guard length == Self.textLength, let rawValue = Int64(exactly: value) else { return nil }
        self.rawValue = rawValue
    }

    /// When the id was made, in milliseconds since 1970.
    package var millisecond: Int64 { rawValue >> Self.sequenceBits }

    package static func < (left: RecordID, right: RecordID) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension RecordID: LosslessStringConvertible {
    package var description: String {
        String(unsafeUninitializedCapacity: Self.textLength) { buffer in
            var value = UInt64(rawValue)
            for index in stride(from: Self.textLength - 1, through: 0, by: -1) {
                buffer[index] = Self.alphabet[Int(value & 31)]
                value >>= 5
            }
            return Self.textLength
        }
    }
}

extension RecordID: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let id = RecordID(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a record id")
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension RecordID: DatabaseValueConvertible, StatementColumnConvertible {
    package var databaseValue: DatabaseValue { rawValue.databaseValue }

    package static func fromDatabaseValue(_ value: DatabaseValue) -> RecordID? {
        Int64.fromDatabaseValue(value).map(RecordID.init(rawValue:))
    }

    package init?(sqliteStatement: SQLiteStatement, index: CInt) {
        self.init(rawValue: Int64(sqliteStatement: sqliteStatement, index: index))
    }
}

/// Makes ids that only ever grow, also within one millisecond and while the clock runs backwards.
///
/// One generator serves one table of one process. Safe to use from any thread.
package final class RecordIDGenerator: Sendable {
    private let last: Mutex<RecordID>
    private let now: @Sendable () -> Int64

    /// Creates a generator.
    ///
    /// - Parameters:
    ///   - highest: the highest id that is stored already; new ones are above it.
    ///   - now: milliseconds since 1970.
    package init(after highest: RecordID? = nil, now: @escaping @Sendable () -> Int64 = WallClock.milliseconds) {
        last = Mutex(highest ?? RecordID(rawValue: 0))
        self.now = now
    }

    /// The next id.
    package func next() -> RecordID {
        let earliest = RecordID(firstOf: now())
        return last.withLock { last in
            // A clock that stands or runs back continues the sequence, which may then borrow from the next millisecond.
            last = max(earliest, RecordID(rawValue: last.rawValue + 1))
            return last
        }
    }
}
