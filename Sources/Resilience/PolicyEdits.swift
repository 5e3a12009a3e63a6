// SPDX-License-Identifier: Apache-2.0

/// Changes to the policies of named pipelines.
public struct PolicyEdits: Sendable, Equatable, Codable {
    public init() {}
}
