// SPDX-License-Identifier: Apache-2.0

/// In whose name a call to another service is made.
package enum Credentials: Sendable {
    /// Nobody's: for what is public.
    case none
    /// The user's who asked.
    case user(Caller)
    /// This network's: the shared secret, for calls behind which no user stands.
    case service
}
