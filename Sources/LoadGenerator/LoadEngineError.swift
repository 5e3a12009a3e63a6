// SPDX-License-Identifier: Apache-2.0

/// Why a load can't be played at all. Found before it starts; nothing has been sent, but for a set-up that failed.
package struct LoadEngineError: Error, CustomStringConvertible {
    package enum Code: Sendable {
        /// The plan contradicts itself or asks for the impossible.
        case impossiblePlan
        /// A host name has no address.
        case unresolvable
        /// The certificates to trust can't be read, or OpenSSL refuses its settings.
        case tls
        /// Too few file descriptors, or the kernel refuses something else that the engine needs.
        case resources
        /// The set-up or the tear-down came to nothing.
        case sideJourney
    }

    package let code: Code
    /// What, where, and what to do.
    package let message: String
    package var description: String { message }

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}
