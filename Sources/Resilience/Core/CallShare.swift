// SPDX-License-Identifier: Apache-2.0

/// The kind of work that a call belongs to, where each kind has a guaranteed share of a limit: `live` beside `batch`, one
/// tenant beside the others.
///
/// A name in one word of memory, so that it travels with every call for nothing. A limit that guarantees nothing to the
/// name treats the call like one without.
public struct CallShare: Sendable, Hashable, ExpressibleByStringLiteral {
    @usableFromInline let code: UInt64

    /// No share: what a call belongs to when nobody says otherwise.
    @inlinable
    public static var none: CallShare { CallShare(code: 0) }

    @inlinable
    init(code: UInt64) {
        self.code = code
    }

    /// The share of that name (FNV-1a over the UTF-8 bytes; no two names that people use together have the same).
    ///
    /// - Parameter name: As it is written in the limit's `shares`.
    public init(_ name: String) {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        // 0 is the code of no share.
        code = hash == 0 ? 1 : hash
    }

    /// The share of that name.
    ///
    /// - Parameter value: As it is written in the limit's `shares`.
    public init(stringLiteral value: String) {
        self.init(value)
    }
}
