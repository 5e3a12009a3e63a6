// SPDX-License-Identifier: Apache-2.0

internal import Resilience

/// What the admin port shows and changes.
struct AdminState: Sendable {
    var token: ServiceSecret
    var readiness: Readiness
    var metrics: PrometheusRegistry
    var directory: ServiceDirectory
    var faults: InServiceFaults
    var registry: ResilienceRegistry
    /// The names of the service's pipelines: those that can be changed.
    var pipelines: [String]
    /// The one of them that requests go through.
    var server: String
}
