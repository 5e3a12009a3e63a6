// SPDX-License-Identifier: Apache-2.0

/// What the admin port shows and changes.
struct AdminState: Sendable {
    var token: ServiceSecret
    var readiness: Readiness
    var metrics: PrometheusRegistry
    var directory: ServiceDirectory
    var faults: InServiceFaults
}
