// swift-tools-version: 6.3
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

// The modules that have threads, unsafe memory or foreign bytes, and their tests, to be built with the compiler's
// sanitizers: links to those of the package around this one, so that nothing of the services' dependencies is built with
// them. The Makefile has the commands: `make sanitize` and `make fuzz`.

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .swiftLanguageMode(.v6),
]

let package = Package(
    name: "seawall-sanitizers",
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .target(name: "CLinux"),
        .target(
            name: "Resilience",
            dependencies: [
                .product(name: "Logging", package: "swift-log"), .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
            ], swiftSettings: settings),
        .target(name: "ResilienceTesting", dependencies: ["Resilience"], swiftSettings: settings),
        .target(name: "Measurement", swiftSettings: settings),
        .target(name: "Patterns", swiftSettings: settings),
        .target(
            name: "LoadGenerator", dependencies: ["COpenSSL", "CLinux", "Measurement", "Patterns"],
            swiftSettings: settings),

        .target(name: "TestSupport", dependencies: ["ResilienceTesting"], swiftSettings: settings),
        .target(name: "CTestServer", dependencies: ["COpenSSL"]),
        .executableTarget(
            name: "fuzz", dependencies: ["LoadGenerator", "Measurement", "Patterns"], swiftSettings: settings),
        .testTarget(
            name: "ResilienceTests",
            dependencies: [
                "Resilience", "ResilienceTesting", "TestSupport", .product(name: "Logging", package: "swift-log"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
            ], swiftSettings: settings),
        .testTarget(
            name: "MeasurementTests",
            dependencies: [
                "Measurement", "TestSupport", .product(name: "Histogram", package: "hdrhistogram-swift"),
            ], swiftSettings: settings),
        .testTarget(name: "PatternsTests", dependencies: ["Patterns"], swiftSettings: settings),
        .testTarget(
            name: "LoadGeneratorTests",
            dependencies: ["LoadGenerator", "CTestServer", "Measurement", "COpenSSL", "Patterns"],
            swiftSettings: settings),
    ]
)
