#pragma once

#include <string>
#include <vector>

/// Numbers for readers, three digits each, and lists.
namespace fovea::cli {

std::string milliseconds(double microseconds);   ///< "1.23" (the column or text says ms)
std::string scaled(double number);               ///< "4.12 G", "980 k"
std::string bytes(double number);                ///< "97.8 MB"
std::string percent(double part, double whole);  ///< "12.3 %"; "–" where the whole is 0
std::string scientific(double number);           ///< "3.1e-06"
std::string joined(const std::vector<std::string>& list, const char* separator = ", ");

}  // namespace fovea::cli
