// SPDX-License-Identifier: Apache-2.0

package import Foundation

/// The coders that every request and answer shares. Making one costs more than using it.
package enum JSON {
    /// Safe from any thread: never changed after it is made.
    package static let decoder = JSONDecoder()

    /// The same value gives the same text. Safe from any thread: never changed after it is made.
    package static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }()

    /// A value as JSON text.
    ///
    /// - Throws: what the value's own `encode(to:)` throws.
    package static func text(_ value: some Encodable) throws -> String {
        String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
