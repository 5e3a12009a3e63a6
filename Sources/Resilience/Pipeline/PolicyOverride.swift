// SPDX-License-Identifier: Apache-2.0

/// A change of settings that was made for a time and is still on.
public struct PolicyOverride: Sendable, Equatable, Identifiable {
    /// Counts the overrides of a registry, from 1.
    public let id: UInt64
    /// What it changes.
    public let edits: PolicyEdits
    /// When it ends by itself, by the registry's clock.
    public let expires: MonotonicInstant
}
