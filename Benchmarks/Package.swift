// swift-tools-version: 6.3
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

// The modules under measurement are the sources of the package around this one, by way of the links in `Sources`: so
// nothing of the services' dependencies is fetched or built, and what is `package` there can be reached from here.

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .swiftLanguageMode(.v6),
]

let benchmark: Target.Dependency = .product(name: "Benchmark", package: "benchmark")

/// A suite for `swift package benchmark`: its files lie in `Benchmarks/<name>`.
func suite(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name + "Benchmarks", dependencies: [benchmark] + dependencies, path: "Benchmarks/" + name,
        swiftSettings: settings, plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")])
}

let package = Package(
    name: "seawall-benchmarks",
    dependencies: [
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    ],
    targets: [
        .target(
            name: "Resilience",
            dependencies: [
                .product(name: "Logging", package: "swift-log"), .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
            ], swiftSettings: settings),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .target(name: "CLinux"),
        .target(name: "Measurement", swiftSettings: settings),
        .target(name: "Patterns", swiftSettings: settings),
        .target(
            name: "LoadGenerator", dependencies: ["COpenSSL", "CLinux", "Measurement", "Patterns"],
            // Its parts are internal; the optimizer goes on as usual.
            swiftSettings: settings + [.unsafeFlags(["-enable-testing"])]),

        .target(
            name: "HotPaths", dependencies: ["Resilience", "Measurement", "LoadGenerator"], path: "HotPaths",
            swiftSettings: settings),
        .executableTarget(name: "hot-paths", dependencies: ["HotPaths"], path: "hot-paths", swiftSettings: settings),
        .target(name: "CAllocations", path: "CAllocations"),
        .executableTarget(
            name: "engine-requests", dependencies: ["LoadGenerator", "Measurement", "CAllocations"],
            path: "engine-requests", swiftSettings: settings),
        suite("Resilience", ["HotPaths"]),
        suite("Measurement", ["HotPaths"]),
        suite("LoadGenerator", ["HotPaths"]),
    ]
)
